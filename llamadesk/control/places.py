"""Where models are looked for on this computer, and when that is done again."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from llamadesk.control.notices import NoticeKind
from llamadesk.control.preferences import PreferenceControl
from llamadesk.control.rooms import Rooms
from llamadesk.control.watching import FolderWatch
from llamadesk.core.paths import DataFolders
from llamadesk.core.places import MAX_PATHS, Wanted, Where, paths_from, paths_text
from llamadesk.core.settings import MODEL_FILES, MODEL_FOLDERS, OTHER_APPS
from llamadesk.library.looking import Looker

_LEAST_REST_SECONDS: Final = 2.0
_REST_SHARE: Final = 20
"""After a look there is none for so many times as long as it took, whatever happens in the folders: on a slow disk, and
while another program writes thousands of files, looking would be all that is done."""
_ARRIVING_AGAIN_MS: Final = 5_000
"""A file that was being written is looked at again after this: nothing tells when its last byte is there."""
_WAIT_SECONDS: Final = 0.02


class PlaceControl(QObject):
    """Looks through LlamaDesk's folder, the person's and those of other apps, on a thread of its own; again where
    something changes there or the person asks. One look at a time; what is found goes onto the shelf.

    Made after the first frame. Files of other apps are only read.
    """

    looked = Signal(object)
    """A look ended: Finds. It is on the shelf already."""

    def __init__(
        self,
        rooms: Rooms,
        folders: DataFolders,
        preferences: PreferenceControl,
        starter: Path | None,
        parent: QObject | None = None,
    ) -> None:
        """`starter`: the model that came with LlamaDesk."""
        super().__init__(parent)
        self._rooms = rooms
        self._own = folders.models
        self._preferences = preferences
        self._starter = starter
        self._looker = Looker(folders.seen_models)
        self._touched: frozenset[Path] | None = None  # where to see first whether anything has changed
        self._is_due = self._is_busy = self._has_ended = False
        self._watch = FolderWatch(self)
        self._watch.changed.connect(self._on_changed)
        self._arriving = QTimer(self, singleShot=True, interval=_ARRIVING_AGAIN_MS)
        self._arriving.timeout.connect(self.look)
        rooms.settings.changed.connect(self._on_setting)

    # --- Where ---

    @property
    def folders(self) -> tuple[Path, ...]:
        """Those that the person added."""
        return paths_from(self._rooms.settings.get(MODEL_FOLDERS, str))

    @property
    def files(self) -> tuple[Path, ...]:
        """Those that the person opened from anywhere."""
        return paths_from(self._rooms.settings.get(MODEL_FILES, str))

    def looks_into(self, folder: Path) -> bool:
        """Whether models are looked for there for the person's sake."""
        return folder in (self._own, *self.folders)

    def add_folder(self, folder: Path) -> None:
        """Look for models in a folder from now on; says so where that is done already."""
        folder = folder.expanduser().absolute()
        name = folder.name or folder
        if self.looks_into(folder):
            self._rooms.notices.post(NoticeKind.INFO, f"LlamaDesk looks for models in “{name}” already.")
        elif len(self.folders) >= MAX_PATHS:
            text = f"No more than {MAX_PATHS} folders can be added. Remove one first, or add a folder around several."
            self._rooms.notices.post(NoticeKind.WARNING, text)
        else:
            self._preferences.set(MODEL_FOLDERS, paths_text((*self.folders, folder)))

    def remove_folder(self, folder: Path) -> None:
        """Do not look there any more. The folder and what is in it stay as they are."""
        self._preferences.set(MODEL_FOLDERS, paths_text(each for each in self.folders if each != folder))

    def add_files(self, files: Sequence[Path]) -> None:
        """List these wherever they lie; those in folders that are looked through are listed anyway."""
        finds = self._rooms.models.finds
        looked_into = finds.folders if finds is not None else ()
        others = (file for file in files if self._own not in file.parents and file.parent not in looked_into)
        new = [file for file in others if file not in self.files]
        if new:
            self._preferences.set(MODEL_FILES, paths_text((*self.files, *new)[-MAX_PATHS:]))

    def forget_file(self, file: Path) -> None:
        """Do not list a file any more. It stays where it is."""
        self._preferences.set(MODEL_FILES, paths_text(each for each in self.files if each != file))

    # --- When ---

    @Slot()
    def look(self) -> None:
        """Look again, after the look that is under way if there is one."""
        self._touched = None
        self._begin()

    async def settled(self, seconds: float) -> None:
        """Returns when no look is under way or asked for, or so much later: a disk may not answer."""
        import asyncio  # noqa: PLC0415 - not before the first frame: it is slow to import

        end = time.monotonic() + seconds
        while (self._is_busy or self._is_due) and time.monotonic() < end:
            await asyncio.sleep(_WAIT_SECONDS)

    def end(self) -> None:
        """The app is being closed: nothing is looked at or told any more."""
        self._has_ended = True
        self._arriving.stop()
        self._watch.end()

    @Slot(str)
    def _on_setting(self, key: str) -> None:
        if key in (MODEL_FOLDERS, MODEL_FILES, OTHER_APPS):
            self.look()

    @Slot(object)
    def _on_changed(self, touched: frozenset[Path]) -> None:
        if not self._is_due:
            self._touched = touched
        elif self._touched is not None:
            self._touched |= touched
        self._begin()

    def _begin(self) -> None:
        self._is_due = True
        if not self._is_busy and not self._has_ended:
            self._is_busy = True
            self._rooms.tasks.start(self._look(), apart=True)

    async def _look(self) -> None:
        try:
            while self._is_due and not self._has_ended:
                self._is_due = False
                await self._look_once(self._touched)
        finally:
            self._is_busy = False

    async def _look_once(self, touched: frozenset[Path] | None) -> None:
        """See what is there; where only `touched` folders may be others, whether they are first."""
        began = time.monotonic()
        read_apart, looker = self._rooms.tasks.read_apart, self._looker
        if touched is not None and not await read_apart(looker.has_changed, touched):
            return
        finds = await read_apart(looker.look, self._wanted())
        if self._has_ended:
            return
        self._rooms.models.set_finds(finds)
        self._watch.follow(
            finds.folders,
            rest_seconds=max(_LEAST_REST_SECONDS, _REST_SHARE * (time.monotonic() - began)),
            polls=any(root.where is Where.FOLDER for root in finds.roots),
        )
        if any(each.is_arriving for each in finds.unusable):
            self._arriving.start()
        self.looked.emit(finds)

    def _wanted(self) -> Wanted:
        chosen = self._rooms.models.chosen
        return Wanted(
            own=self._own,
            folders=self.folders,
            files=self.files,
            chosen=chosen.path if chosen is not None else None,
            starter=self._starter,
            other_apps=self._rooms.settings.get(OTHER_APPS, bool),
        )
