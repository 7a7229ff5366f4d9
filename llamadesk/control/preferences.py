"""Changes of settings: validated, shown, kept, and put to work."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from PySide6.QtCore import QObject, QTimer, Signal

from llamadesk.control.notices import NoticeKind
from llamadesk.control.rooms import Rooms
from llamadesk.core.settings import NEW_CHAT_DRAFT, SETTINGS, Group, Needs
from llamadesk.core.start import StartMode

_WRITE_AFTER_MS = 300
_RELOAD_AFTER_MS = 700
"""A slider that is dragged asks for many values; the model is loaded for the last one."""
_WRITTEN = frozenset({NEW_CHAT_DRAFT})
"""Kept as settings are, but a person's own words: they are never let go of."""


def kept(stored: Mapping[str, object], mode: StartMode) -> Mapping[str, object]:
    """What of the stored values counts. In safe mode that is what the person has written, and nothing that they chose:
    one of those values may be what the app must be saved from."""
    return {key: value for key, value in stored.items() if not mode.safe or key in _WRITTEN}


class PreferenceControl(QObject):
    """Takes what the person chose in the settings pane. In safe mode it holds until the app is closed."""

    reload_due = Signal()
    """A setting that a loaded model depends on has another value, and has had it for a moment."""

    def __init__(self, rooms: Rooms, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rooms = rooms
        self._unwritten: set[str] = set()
        self._write_timer = self._timer(_WRITE_AFTER_MS, self._write)
        self._reload_timer = self._timer(_RELOAD_AFTER_MS, self.reload_due.emit)

    def set(self, key: str, value: object) -> None:
        """Give a setting a value; one that is not allowed is told to the person and changes nothing."""
        try:
            changed = self._rooms.settings.set(key, value)
        except ValueError as error:
            self._rooms.notices.post(NoticeKind.WARNING, str(error))
            return
        if not changed:
            return
        if key in _WRITTEN or not self._rooms.mode.safe:
            self._unwritten.add(key)
            self._write_timer.start()
        if SETTINGS[key].needs is Needs.LOAD:
            self._reload_timer.start()

    def reset(self, group: Group) -> None:
        """Give every setting of a section its default."""
        for setting in SETTINGS.values():
            if setting.group is group:
                self.set(setting.key, setting.default)

    def loading(self) -> None:
        """The model is loaded now, as the settings of now say: that need not be done a moment later, too."""
        self._reload_timer.stop()

    def flush(self) -> None:
        """Write what waits to be written now."""
        self._write_timer.stop()
        self._write()

    def _timer(self, milliseconds: int, slot: object) -> QTimer:
        timer = QTimer(self, singleShot=True, interval=milliseconds)
        timer.timeout.connect(slot)
        return timer

    def _write(self) -> None:
        keys, self._unwritten = self._unwritten, set()
        for key in keys:
            self._rooms.keeping.keep_soon(("setting", key), partial(self._keep, key), words=key in _WRITTEN)

    async def _keep(self, key: str) -> None:
        await self._rooms.store.set_setting(key, self._rooms.settings.value(key))
