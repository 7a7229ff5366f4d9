"""Where a file lies that is made from another one here, and what it is called."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from llamadesk.core.models import ModelFile
from llamadesk.library.elsewhere import innermost
from llamadesk.library.names import bare_name

_REFUSED_SOMEWHERE: Final = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]+')
_MOST_NAME_BYTES: Final = 200
"""Most file systems take 255; some that encrypt take less."""


def place_of_new(file: ModelFile, quantization: str, models: Path, not_ours: Iterable[Path]) -> Path:
    """Where the file is to lie that is made from another one: beside that, where its folder is the person's own, else
    in the models folder. Blocking: it looks at the disk.

    Args:
        file: what it is made from.
        quantization: what it is made into.
        models: the models folder.
        not_ours: folders of other apps and of ours that nothing is put into.
    """
    name = name_of_new(file, quantization)
    return (file.path.parent if _is_own(file.path, models, not_ours) else models) / name


def name_of_new(file: ModelFile, quantization: str) -> str:
    """What people would call it: "llama-2-7b-chat.Q4_0.gguf"."""
    bare = _tamed(bare_name(file.path.name)) or _tamed(file.family) or "model"
    return f"{bare}.{quantization}.gguf"


def _tamed(text: str) -> str:
    """A name that every file system takes."""
    tamed = _REFUSED_SOMEWHERE.sub("-", text).encode("utf-8", "replace")[:_MOST_NAME_BYTES].decode("utf-8", "ignore")
    return tamed.strip("-_. ")


def _is_own(file: Path, models: Path, not_ours: Iterable[Path]) -> bool:
    """Whether the folder that a file lies in is the person's own."""
    known = innermost(file, [models, *not_ours])
    if known is not None:
        return known == models
    try:
        folder = file.parent.resolve()
        is_in_store = any(_is_store(each) for each in (folder, *folder.parents))
        return not is_in_store and os.access(folder, os.W_OK | os.X_OK)
    except (OSError, RuntimeError):  # the latter where links lead round in a circle
        return False


def _is_store(folder: Path) -> bool:
    """Whether a folder looks like a place of Ollama or of the hub's cache, wherever it lies."""
    return (folder / "blobs").is_dir() and any((folder / name).is_dir() for name in ("manifests", "snapshots"))
