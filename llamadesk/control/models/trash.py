"""Which model files LlamaDesk may put into the system's trash, and putting them there."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PySide6.QtCore import QFile

from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.core.paths import starter_model

_APP_DATA: Final = {"win32": "AppData", "darwin": "Library"}
"""The folder of a person's home in which apps keep what is theirs. On Linux, and elsewhere too, the names of such
folders begin with a dot."""


def owner_of(path: Path) -> str:
    """The name of the app in whose folder a file lies; "" for none that is known. Blocking."""
    from llamadesk.library.elsewhere import folders, owner  # noqa: PLC0415 - only a model's page needs it

    found = owner(path, folders(Path.home(), os.environ))
    return found.app if found is not None else ""


def hindrance(path: Path, own_folders: Sequence[Path]) -> Problem | None:
    """Why a file may not be put into the trash: it is another's; None where nothing speaks against it. Blocking.

    Args:
        path: of the file; where it is a link, it is the link that would go.
        own_folders: LlamaDesk's folder, and those that the person named to it.
    """
    here = path.parent.resolve() / path.name
    starter = starter_model()
    if starter is not None and here == starter.resolve():
        return _refused("This model came with LlamaDesk.", "It goes when LlamaDesk is uninstalled.")
    app = owner_of(here)
    if app:
        return _refused(f"This file belongs to {app}.", f"Delete it in {app}, if you want to.")
    if any(folder.resolve() in here.parents for folder in own_folders):
        return None
    if _is_in_home(here, Path.home().resolve()):
        return None
    return _refused(
        "This file does not lie in a folder of yours.", "Another app may need it. Delete it in your file manager."
    )


def move_to_trash(paths: Sequence[Path]) -> None:
    """Put files into the system's trash, from where the person can take them back. Blocking.

    Raises:
        ProblemError: TRASH_FAILED; those before the one that cannot be moved are in the trash already.
    """
    for path in paths:
        if not QFile(str(path)).moveToTrash():
            raise ProblemError(_failed(path))


def _is_in_home(path: Path, home: Path, system: str = sys.platform) -> bool:
    """Whether a file lies where people keep their own files, and not where apps keep theirs."""
    if home not in path.parents:
        return False
    folders = path.relative_to(home).parts[:-1]
    is_hidden = any(folder.startswith(".") for folder in folders)
    return not is_hidden and folders[:1] != (_APP_DATA.get(system),)


def _refused(title: str, advice: str) -> Problem:
    return Problem(ProblemCode.TRASH_REFUSED, title, advice)


def _failed(path: Path) -> Problem:
    return Problem(
        ProblemCode.TRASH_FAILED,
        f"“{path.name}” could not be moved to the trash.",
        "Its disk may have no trash, or you may not change its folder. Show it in its folder, and delete it there.",
    )
