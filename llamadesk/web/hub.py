"""A hub of models: search, a model's page, its files, and what a file's header says before it is downloaded.

The names of the API's fields are those of the public hub, as its documentation and its own client tell them. Whatever
a hub says is checked here: it may be a mirror that does things its own way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, Final, TypeVar
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import msgspec

from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.core.gguf_header import Header, read_header_from
from llamadesk.core.gguf_sets import joined_header
from llamadesk.core.hub import HubFile, HubModel, HubModelPage, HubPart, file_url, is_repository
from llamadesk.web.basics import network_problem
from llamadesk.web.connection import Connection
from llamadesk.web.hub_files import gguf_files
from llamadesk.web.refusals import refusal
from llamadesk.web.remote_file import open_remote

_T = TypeVar("_T")

_MOST_ANSWER_BYTES: Final = 16 * 1024 * 1024
_MOST_PAGES: Final = 50
_MOST_HEADER_BYTES: Final = 40 * 1024 * 1024  # the longest known have about 30 MB
_PIECE_BYTES: Final = 64 * 1024
_NEXT_PAGE: Final = re.compile(r'<([^<>]*)>\s*;\s*rel="next"')
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_WANTED_FIELDS: Final = ("author", "downloads", "gated", "gguf", "lastModified", "likes", "tags")


class Hub:
    """Asks a hub; blocking, and safe to use from several threads.

    All methods raise a ProblemError in plain words: those of `Connection.open` and `refusals.refusal`, and
    NETWORK_FAILED where the answer is none that is understood.

    Args:
        endpoint: the hub's address; that of the connection where it is "".
    """

    def __init__(self, connection: Connection, endpoint: str = "") -> None:
        self._connection = connection
        self._endpoint = (endpoint or connection.endpoint).rstrip("/")

    def search(self, text: str, limit: int = 30) -> list[HubModel]:
        """Repositories with GGUF files whose names have the words of `text`, the most downloaded first."""
        query = [("search", text.strip()), ("filter", "gguf"), ("sort", "downloads"), ("direction", "-1")]
        query += [("limit", str(limit)), *(("expand", field) for field in _WANTED_FIELDS)]
        found = self._get(f"/api/models?{urlencode(query)}", list[_ModelAnswer])[0]
        return [_model(answer) for answer in found if is_repository(answer.id)][:limit]

    def model(self, repository: str) -> HubModelPage:
        """What the hub says of a repository ("owner/name")."""
        answer = self._get(f"/api/models/{_checked(repository)}", _ModelAnswer)[0]
        card = answer.card_data or {}
        return HubModelPage(
            model=_model(answer),
            commit=answer.sha,
            licence_name=_text(card.get("license_name")),
            licence_url=_text(card.get("license_link")),
            languages=_texts(card.get("language")),
            base_models=_texts(card.get("base_model")),
        )

    def files(self, repository: str, revision: str = "main") -> list[HubFile]:
        """The GGUF files of a repository, each set of parts as one, by their paths.

        Args:
            revision: a branch, a tag or (best) the commit of the model's page.
        """
        path = f"/api/models/{_checked(repository)}/tree/{quote(revision, safe='')}"
        parts: list[HubPart] = []
        query = {"recursive": "true"}
        for _ in range(_MOST_PAGES):
            nodes, headers = self._get(f"{path}?{urlencode(query)}", list[_Node])
            parts += [_part(node) for node in nodes if node.type == "file"]
            cursor = _next_cursor(headers)
            if not cursor:
                return gguf_files(repository, revision, parts)
            query["cursor"] = cursor
        raise ProblemError(network_problem("This repository has too many files to be listed.", repository))

    def url(self, file: HubFile, part: HubPart) -> str:
        """Where a part of a file is to be asked for; the hub redirects from there."""
        _checked(file.repository)
        return file_url(self._endpoint, file, part)

    def gguf_header(self, file: HubFile) -> Header:
        """What a file's header says; as little is fetched as that needs. Of a set of parts it is that of the whole
        model, as `llamadesk.core.gguf_sets` joins it.

        Raises:
            ProblemError: also those of `read_header`; HUB_MISSING where a part is not there.
        """
        if not file.is_complete:
            raise ProblemError(
                Problem(
                    ProblemCode.HUB_MISSING,
                    f"Only {len(file.parts)} of the {file.n_parts} parts of this model are on the hub.",
                    "Choose another file.",
                    file.path,
                )
            )
        headers = [self._part_header(file, part) for part in file.parts]
        paths = [PurePosixPath(part.path) for part in file.parts]
        return headers[0] if len(headers) == 1 else joined_header(paths, headers)

    def _part_header(self, file: HubFile, part: HubPart) -> Header:
        with open_remote(self._connection, self.url(file, part), part.size, _MOST_HEADER_BYTES) as source:
            return read_header_from(source, part.size, whole=False)

    def _get(self, path: str, kind: type[_T]) -> tuple[_T, Mapping[str, str]]:
        """What the API says, and the headers."""
        with self._connection.open("GET", self._endpoint + path, {"Accept": "application/json"}) as answer:
            if answer.status != 200:
                raise refusal(answer.status, answer.headers)
            body = bytearray()
            while piece := answer.read(_PIECE_BYTES):
                body += piece
                if len(body) > _MOST_ANSWER_BYTES:
                    raise ProblemError(network_problem("The hub's answer is far too long."))
        try:
            return msgspec.json.decode(bytes(body), type=kind), answer.headers
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ProblemError(
                network_problem(
                    "The hub gave an answer that LlamaDesk does not understand.",
                    str(error),
                    "Try again later. Where HF_ENDPOINT names a mirror, look whether it works.",
                )
            ) from error


class _GgufFacts(msgspec.Struct):
    total: int | None = None
    architecture: str | None = None
    context_length: int | None = None


class _ModelAnswer(msgspec.Struct):
    id: str
    sha: str = ""
    downloads: int = 0
    likes: int = 0
    gated: bool | str = False  # or "auto", "manual"
    last_modified: str | None = msgspec.field(name="lastModified", default=None)
    tags: list[str] = []
    gguf: _GgufFacts | None = None
    card_data: dict[str, Any] | None = msgspec.field(name="cardData", default=None)


class _Lfs(msgspec.Struct):
    oid: str = ""
    size: int | None = None


class _Node(msgspec.Struct):
    type: str
    path: str
    size: int = 0
    lfs: _Lfs | None = None


def _checked(repository: str) -> str:
    """The name itself, where no part of it could lead elsewhere."""
    if not is_repository(repository):
        raise ProblemError(
            Problem(
                ProblemCode.HUB_MISSING,
                "A model on the hub has a name like publisher/model.",
                "Copy the name from the model's page.",
                repository[:100],
            )
        )
    return repository


def _model(answer: _ModelAnswer) -> HubModel:
    card = answer.card_data or {}
    tagged = [tag.removeprefix("license:") for tag in answer.tags if tag.startswith("license:")]
    licences = (*_texts(card.get("license")), *tagged)
    facts = answer.gguf or _GgufFacts()
    return HubModel(
        repository=answer.id,
        downloads=answer.downloads,
        likes=answer.likes,
        updated=answer.last_modified or "",
        gated=bool(answer.gated),
        licence=licences[0] if licences else "",
        architecture=facts.architecture or "",
        n_params=facts.total or 0,
        n_ctx_train=facts.context_length or 0,
    )


def _part(node: _Node) -> HubPart:
    lfs = node.lfs or _Lfs()
    sha256 = lfs.oid.removeprefix("sha256:").lower()  # some mirrors have that before it
    size = node.size if lfs.size is None else lfs.size
    return HubPart(node.path, max(0, size), sha256 if _SHA256.fullmatch(sha256) else "")


def _next_cursor(headers: Mapping[str, str]) -> str:
    """Where the list goes on; "" at its end. A mirror may pass on the public hub's address: only the place counts."""
    match = _NEXT_PAGE.search(headers.get("Link", ""))
    return parse_qs(urlsplit(match[1]).query).get("cursor", [""])[0] if match else ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    """One text or a list of them, as the cards have it."""
    values = value if isinstance(value, list) else [value]
    return tuple(text for text in values if isinstance(text, str) and text)
