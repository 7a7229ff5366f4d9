"""Which file of a repository is the one that the catalogue means."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from llamadesk.core.catalogue import HubSource
from llamadesk.core.gguf_sets import whole_name
from llamadesk.core.hub import HubFile, HubFileKind


def file_for(source: HubSource, quantization: str, files: Iterable[HubFile]) -> HubFile | None:
    """The file of a source with a quantization, which may have been split, moved into a folder or written in other
    letters since; None where none is that for certain. Names that say something else are not guessed at: they may be
    those of other models.

    Args:
        files: those of the source's repository.
    """
    wanted = source.file_name(quantization)
    models = [file for file in files if file.kind is HubFileKind.MODEL]
    exact = [file for file in models if file.path == wanted]
    name = PurePosixPath(wanted).name.casefold()
    alike = exact or [file for file in models if whole_name(PurePosixPath(file.path)).casefold() == name]
    return alike[0] if len(alike) == 1 else None
