"""The GGUF files of a repository: sets of parts as one file, and what is no chat model recognised by its name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Final

from llamadesk.core.gguf_sets import part_paths
from llamadesk.core.hub import HubFile, HubFileKind, HubPart

_UNSAFE_LETTERS: Final = frozenset('\\:*?"<>|')
_UNSAFE_STEPS: Final = frozenset({"", ".", ".."})
_QUANTIZED: Final = re.compile(r"(?:^|[-_.])(?:i?q\d|b?f16|f32|tq\d|mxfp)", re.IGNORECASE)
"""A name with one of these is of a model, even where it also tells that a table was used to make it."""


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
