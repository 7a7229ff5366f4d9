"""The GGUF files of a repository: sets of parts as one file, and what is no chat model recognised by its name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Final

import msgspec

from llamadesk.core.gguf_sets import part_paths

_UNSAFE_LETTERS: Final = frozenset('\\:*?"<>|')
_UNSAFE_STEPS: Final = frozenset({"", ".", ".."})
_QUANTIZED: Final = re.compile(r"(?:^|[-_.])(?:i?q\d|b?f16|f32|tq\d|mxfp)", re.IGNORECASE)
"""A name with one of these is of a model, even where it also tells that a table was used to make it."""


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


def gguf_files(repository: str, revision: str, parts: Iterable[HubPart]) -> list[HubFile]:
    """What of a repository's files is GGUF by its name, by path; a path that could lead elsewhere is left out."""
    sets: dict[tuple[PurePosixPath, ...], list[HubPart]] = {}
    for path, part in sorted({part.path: part for part in parts}.items()):  # which is the order of their numbers too
        if path.lower().endswith(".gguf") and _is_safe(path):
            sets.setdefault(part_paths(PurePosixPath(path)), []).append(part)
    return [
        HubFile(repository, revision, there[0].path, tuple(there), len(paths), _kind(there[0].path))
        for paths, there in sets.items()
    ]


def _kind(path: str) -> HubFileKind:
    name = PurePosixPath(path).name.lower()
    if "mmproj" in name:
        return HubFileKind.PROJECTOR
    return HubFileKind.IMPORTANCE if "imatrix" in name and not _QUANTIZED.search(name) else HubFileKind.MODEL


def _is_safe(path: str) -> bool:
    """Whether a path stays where it belongs, on every system, when a file is written under its name."""
    steps = path.split("/")
    return path.isprintable() and not _UNSAFE_LETTERS.intersection(path) and not _UNSAFE_STEPS.intersection(steps)
