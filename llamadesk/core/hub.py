"""What a hub of models tells, as plain values: repositories, their pages and their files; and which hub it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final
from urllib.parse import quote, urlsplit

import msgspec

PUBLIC_HUB: Final = "https://huggingface.co"
"""The hub that is asked where HF_ENDPOINT names no other."""

_REPOSITORY: Final = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*", re.ASCII)


class HubModel(msgspec.Struct, frozen=True):
    """A repository with models, as a search finds it.

    Attributes:
        repository: "owner/name".
        downloads: of the last 30 days, as the hub counts them.
        updated: when it was changed last (ISO 8601); "" where unknown.
        gated: its files are only for those who accepted its terms on the hub's page.
        licence: an SPDX-like id of the hub's ("apache-2.0", "llama2", "other"); "" where none is told.
        architecture: of its GGUF files ("llama"); "" where the hub does not say.
        n_params: of the model, 0 where unknown.
        n_ctx_train: the context in tokens that it was made for, 0 where unknown.
    """

    repository: str
    downloads: int
    likes: int
    updated: str
    gated: bool
    licence: str
    architecture: str
    n_params: int
    n_ctx_train: int


class HubModelPage(msgspec.Struct, frozen=True):
    """What the hub says of a repository.

    Attributes:
        commit: the state that it is in; ask for its files by it, so that all are of one state.
        licence_name: of a licence that has no id of its own; "" for others.
        licence_url: where that lies; "" where the card does not say.
        languages: as the card lists them (mostly ISO 639 codes).
        base_models: the repositories that this was made from.
    """

    model: HubModel
    commit: str
    licence_name: str
    licence_url: str
    languages: tuple[str, ...]
    base_models: tuple[str, ...]


class HubFileKind(StrEnum):
    """What a file is, as far as its name tells."""

    MODEL = "model"
    PROJECTOR = "projector"
    """The image or sound part of a multimodal model (mmproj)."""
    IMPORTANCE = "importance"
    """A table that helps to quantize (imatrix)."""


class HubPart(msgspec.Struct, frozen=True):
    """A file as the hub stores it.

    Attributes:
        path: inside the repository, with "/".
        size: in bytes.
        sha256: of its content, 64 hexadecimal digits; "" where the hub does not say.
    """

    path: str
    size: int
    sha256: str


class HubFile(msgspec.Struct, frozen=True):
    """A GGUF file, or a set of parts that only together are one.

    Attributes:
        repository: "owner/name".
        revision: as it was asked for.
        path: of the first part that is there.
        parts: those that are there, in order; a file that is not split is its own only part.
        n_parts: how many there should be.
        kind: by the name.
    """

    repository: str
    revision: str
    path: str
    parts: tuple[HubPart, ...]
    n_parts: int = 1
    kind: HubFileKind = HubFileKind.MODEL

    @property
    def size(self) -> int:
        """Of all parts that are there, in bytes."""
        return sum(part.size for part in self.parts)

    @property
    def sha256(self) -> str:
        """Of the only part; "" for a set, whose parts have one each."""
        return self.parts[0].sha256 if self.n_parts == 1 else ""

    @property
    def is_complete(self) -> bool:
        """Whether every part is on the hub."""
        return len(self.parts) == self.n_parts


class TokenPlace(StrEnum):
    """Where the person's access token is kept, in the words that they are told."""

    NOWHERE = ""
    KEYRING = "in the system's keyring"
    SESSION = "until LlamaDesk is closed"
    ENVIRONMENT = "in HF_TOKEN, which LlamaDesk was started with"


def endpoint_of(environment: Mapping[str, str]) -> str:
    """The address of the hub, without a slash at its end: that of HF_ENDPOINT, else the public one's."""
    return (environment.get("HF_ENDPOINT", "").strip() or PUBLIC_HUB).rstrip("/")


def host_of(endpoint: str) -> str:
    """What a person calls a hub by: "huggingface.co", "127.0.0.1:8080"; the address itself where that is none."""
    try:
        return urlsplit(endpoint).netloc.rpartition("@")[2] or endpoint
    except ValueError:
        return endpoint


def is_repository(name: str) -> bool:
    """Whether a name is one of a repository ("owner/name"), no part of which could lead elsewhere."""
    return _REPOSITORY.fullmatch(name) is not None


def repository_in(text: str) -> str:
    """The repository ("owner/name") whose page's address was pasted; "" where the text is no such address."""
    try:
        parts = urlsplit(text.strip())
    except ValueError:
        return ""
    if parts.scheme not in ("https", "http"):
        return ""
    name = "/".join(parts.path.strip("/").split("/")[:2])
    return name if is_repository(name) else ""


def file_url(endpoint: str, file: HubFile, part: HubPart) -> str:
    """Where a part of a file is to be asked for; the hub redirects from there."""
    return f"{endpoint}/{file.repository}/resolve/{quote(file.revision, safe='')}/{quote(part.path)}"
