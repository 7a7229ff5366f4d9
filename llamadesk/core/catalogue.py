"""Models that people can choose from before any file of them is here: what is known of each, and where it comes from.

The structs are also the format of the files in `resources/catalogue/` and of those that people add: what a field may
hold is checked while it is read.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import unquote, urlsplit

import msgspec
from msgspec import Meta

from llamadesk.core.errors import Problem

_Text = Annotated[str, Meta(min_length=1, max_length=2000)]
_Id = Annotated[str, Meta(pattern=r"\A[a-z0-9][a-z0-9.-]{0,79}\Z")]
_Url = Annotated[str, Meta(pattern=r"\Ahttps://[A-Za-z0-9.-]+/[!-~]*\Z", max_length=500)]
_UrlOrNone = Annotated[str, Meta(pattern=r"\A(?:https://[A-Za-z0-9.-]+/[!-~]*)?\Z", max_length=500)]
_Repository = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}\Z")]
_Quantization = Annotated[str, Meta(pattern=r"\A[A-Z0-9]+(?:_[A-Z0-9]+)*\Z", max_length=16)]
_Layers = Annotated[int, Meta(ge=1, le=512)]
_Width = Annotated[int, Meta(ge=1, le=2**20)]
_FILE_NAME: Final = re.compile(r"(?:[\w {}+-][\w .{}+-]*/)?[\w{}+-][\w .{}+-]*\.(?:gguf|bin)", re.ASCII)


class Score(msgspec.Struct, frozen=True):
    """A result that was published.

    Attributes:
        benchmark: its name, such as "MMLU".
        value: as published, mostly a percentage; not to be compared with one from another source.
        source: who says so, in words ("Llama 2 model card, Meta").
    """

    benchmark: _Text
    value: float
    source: _Text


class Licence(msgspec.Struct, frozen=True):
    """Under what terms a model may be used.

    Attributes:
        id: such as "apache-2.0".
        title: its name.
        url: where its text is.
        summary: what it says, in plain words of our own; no legal advice.
        must_accept: whether the person is asked to accept it before the first download.
        policy_url: a use policy that belongs to it; "" where there is none.
    """

    id: _Id
    title: _Text
    url: _Url
    summary: _Text
    must_accept: bool = False
    policy_url: _UrlOrNone = ""


class HubSource(msgspec.Struct, frozen=True):
    """A repository of the hub that has the model as GGUF files.

    Attributes:
        repository: "owner/name".
        pattern: the files' name, "{}" standing for the quantization ("{lower}" for it in small letters).
        quantizations: those that are there as one file each.
    """

    repository: _Repository
    pattern: _Text
    quantizations: tuple[_Quantization, ...]

    def __post_init__(self) -> None:
        if not _FILE_NAME.fullmatch(self.pattern) or ".." in self.pattern:
            raise ValueError("the pattern is no file name")
        if len(set(self.quantizations)) < len(self.quantizations):
            raise ValueError("a quantization is listed twice")
        if len(self.quantizations) > 1 and self.file_name("A") == self.file_name("B"):
            raise ValueError("the pattern is the same for all quantizations")

    def file_name(self, quantization: str) -> str:
        """The path in the repository of the file with this quantization."""
        return self.pattern.replace("{}", quantization).replace("{lower}", quantization.lower())


class ModelShape(msgspec.Struct, frozen=True):
    """The sizes that decide what a model takes; named as in `ModelFacts`.

    Attributes:
        architecture: llama.cpp's name for it, such as "llama".
        n_layers, n_embd, n_head, n_head_kv, n_vocab: as in `ModelFacts`.
        n_ff: elements between the two feed-forward matrices, of one expert where there are several.
        d_head: elements of one attention head; 0 is n_embd / n_head.
        tied: whether the token embedding serves as the output matrix too.
        n_expert, n_expert_used: in a mixture of experts, how many each layer has, and how many work on a token.
    """

    architecture: _Text
    n_layers: _Layers
    n_embd: _Width
    n_ff: _Width
    n_head: _Width
    n_head_kv: _Width
    n_vocab: Annotated[int, Meta(ge=1, le=2**24)]
    d_head: Annotated[int, Meta(ge=0, le=2**16)] = 0
    tied: bool = False
    n_expert: Annotated[int, Meta(ge=0, le=4096)] = 0
    n_expert_used: Annotated[int, Meta(ge=0, le=4096)] = 0

    def __post_init__(self) -> None:
        if self.n_head % self.n_head_kv:
            raise ValueError("n_head is no multiple of n_head_kv")
        if not self.d_head and self.n_embd % self.n_head:
            raise ValueError("n_embd is no multiple of n_head")
        if self.n_expert_used > self.n_expert or bool(self.n_expert) != bool(self.n_expert_used):
            raise ValueError("n_expert and n_expert_used do not go together")

    @property
    def head_size(self) -> int:
        """Elements of one attention head."""
        return self.d_head or self.n_embd // self.n_head


class CatalogueModel(msgspec.Struct, frozen=True):
    """A model with all its quantizations.

    Attributes:
        id: its name in the catalogue; a person's own entry with the same one takes its place.
        family: what `llamadesk.library.names` makes of its files' names: by this, files that are here belong to it.
        name: what people read.
        publisher: who made it.
        licence: the id of a `Licence`.
        n_params: weights, as the publisher counts them.
        n_ctx_train: the context it was trained for, in tokens.
        shape: its sizes.
        series: what several sizes of one model share, such as "Llama 2 Chat"; "" where it stands alone.
        aliases: other families that are the same model.
        licence_url: where the publisher's own copy of the licence is; "" where the licence's own address serves.
        languages: as ISO 639-1 codes, those that the publisher names.
        good_for: one sentence for choosing.
        limits: what the publisher warns of, in plain words of our own.
        scores: published results.
        sources: where it is, the best first.
        gated: whether the publisher's own repository gives it only to people who were let in. The sources here may
            be open all the same.
        strength: our own order for recommending, from 1 to 100: a higher one answers better; 0 is never recommended.
    """

    id: _Id
    family: _Text
    name: _Text
    publisher: _Text
    licence: _Id
    n_params: Annotated[int, Meta(ge=1, le=10**13)]
    n_ctx_train: Annotated[int, Meta(ge=128, le=2**31)]
    shape: ModelShape
    series: str = ""
    aliases: tuple[_Text, ...] = ()
    licence_url: _UrlOrNone = ""
    languages: tuple[Annotated[str, Meta(pattern=r"\A[a-z]{2,3}\Z")], ...] = ()
    good_for: str = ""
    limits: str = ""
    scores: tuple[Score, ...] = ()
    sources: tuple[HubSource, ...] = ()
    gated: bool = False
    strength: Annotated[int, Meta(ge=0, le=100)] = 0

    def source_of(self, quantization: str) -> HubSource | None:
        """The first source that has this quantization; None where none has."""
        return next((source for source in self.sources if quantization in source.quantizations), None)

    @property
    def downloadable(self) -> tuple[str, ...]:
        """The quantizations that some source has, each once."""
        return tuple(dict.fromkeys(each for source in self.sources for each in source.quantizations))


class CatalogueSource(msgspec.Struct, frozen=True):
    """One of the person's own lists of models.

    Attributes:
        path: the file that is read, in the folder of the person's data.
        url: where it was fetched from, and can be again; "" where it was not.
        kept_at: when LlamaDesk put it there, in milliseconds since 1970; 0 where the person did.
        origin: the file that it was copied from; "" where it was not.
        n_models: how many of its models can be used.
    """

    path: Path
    url: str = ""
    kept_at: int = 0
    origin: str = ""
    n_models: int = 0

    @property
    def name(self) -> str:
        """What its file is called where it is from; the server's name where the address has none."""
        if self.url:
            parts = urlsplit(self.url)
            return unquote(parts.path.rpartition("/")[2]) or parts.netloc
        return Path(self.origin).name or self.path.name


class Catalogue(msgspec.Struct, frozen=True):
    """All models to choose from, in the order in which they are shown, and what could not be read.

    Attributes:
        models, licences: each id once.
        problems: files, or entries of them, that were left out, with why.
        n_own: how many models of each of the person's own files can be used.
    """

    models: tuple[CatalogueModel, ...] = ()
    licences: tuple[Licence, ...] = ()
    problems: tuple[tuple[Path, Problem], ...] = ()
    n_own: tuple[tuple[Path, int], ...] = ()

    def licence_of(self, model: CatalogueModel) -> Licence | None:
        """The licence of a model; None where the catalogue knows nothing of it but its id."""
        return next((licence for licence in self.licences if licence.id == model.licence), None)
