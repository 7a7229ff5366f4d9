"""What a person has chosen for one model alone: how it writes, what it is told before a chat, how long its context is.

It goes before what the settings say for all models, and after what is chosen for a chat.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import msgspec
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from llamadesk.control.fingerprints import Fingerprints
from llamadesk.control.notices import NoticeKind
from llamadesk.control.rooms import Rooms
from llamadesk.core.models import ModelFile
from llamadesk.core.settings import (
    CONTEXT_LENGTH,
    MAX_TOKENS,
    MIN_P,
    REPEAT_PENALTY,
    SETTINGS,
    SYSTEM_PROMPT,
    TEMPERATURE,
    TOP_K,
    TOP_P,
    Needs,
    Value,
)

_log = logging.getLogger(__name__)

OWN_KEYS: Final = (SYSTEM_PROMPT, CONTEXT_LENGTH, TEMPERATURE, TOP_K, TOP_P, MIN_P, REPEAT_PENALTY, MAX_TOKENS)
"""The settings that a model may have values of its own of, in the order in which they are offered."""

_PREFIX: Final = "defaults/"
_RELOAD_AFTER_MS: Final = 700
"""Somebody who steps through numbers asks for many of them; the model is loaded for the last one."""


class KeptDefaults(msgspec.Struct, frozen=True):
    """What the store keeps of a model: its own values by the key of their setting."""

    values: dict[str, bool | int | float | str] = {}


class OwnDefaults(QObject):
    """The values that models have of their own, by the contents of their files, whatever those are called.

    Those of the chosen model are put to work: `SettingValues.effective` has them from the next message on, and for
    another context length the model is loaded again. In safe mode none is used, and what is chosen is not kept.
    """

    changed = Signal(object)
    """ModelFile: it has other values of its own."""

    def __init__(
        self,
        rooms: Rooms,
        fingerprints: Fingerprints,
        reload: Callable[[], None],
        parent: QObject | None = None,
    ) -> None:
        """`fingerprints`: by which files are known. `reload` loads the chosen model as is wished now."""
        super().__init__(parent)
        self._rooms = rooms
        self._fingerprints = fingerprints
        self._known: dict[str, Mapping[str, Value]] = {}
        self._timer = QTimer(self, singleShot=True, interval=_RELOAD_AFTER_MS)
        self._timer.timeout.connect(reload)
        rooms.models.chosen_changed.connect(self._apply)
        fingerprints.learned.connect(self._on_learned)

    async def begin(self) -> None:
        """Read what was chosen before."""
        if self._rooms.mode.safe:
            return
        kept = await self._rooms.store.learned_under(_PREFIX, KeptDefaults)
        before = {key.removeprefix(_PREFIX): _valid(each.values) for key, each in kept.items()}
        self._known = {**before, **self._known}
        self._apply()

    # --- What is asked ---

    def of(self, file: ModelFile) -> Mapping[str, Value]:
        """The values that a file has of its own, by the key of their setting; empty where nobody has read the file."""
        return self._known.get(self._fingerprints.of(file), {})

    def set(self, file: ModelFile, key: str, value: object) -> None:
        """Give a file, whose fingerprint is known, a value of its own; one that is not allowed is told to the person
        and changes nothing."""
        try:
            valid = SETTINGS[key].validate(value)
        except ValueError as error:
            self._rooms.notices.post(NoticeKind.WARNING, str(error))
            return
        self._take(file, {**self.of(file), key: valid})

    def unset(self, file: ModelFile, key: str) -> None:
        """From now on, what the settings say of this holds for the file."""
        self._take(file, {known: value for known, value in self.of(file).items() if known != key})

    def reset(self, file: ModelFile) -> None:
        """The same for everything."""
        self._take(file, {})

    # --- What follows ---

    def _take(self, file: ModelFile, values: Mapping[str, Value]) -> None:
        fingerprint, before = self._fingerprints.of(file), self.of(file)
        if not fingerprint or values == before:
            return
        self._known[fingerprint] = values
        if not self._rooms.mode.safe:
            words = before.get(SYSTEM_PROMPT) != values.get(SYSTEM_PROMPT)
            self._rooms.keeping.keep_soon((_PREFIX, fingerprint), partial(self._keep, fingerprint), words=words)
        self.changed.emit(file)
        self._apply()
        needs_load = any(SETTINGS[key].needs is Needs.LOAD for key in _different(before, values))
        if needs_load and file == self._rooms.models.chosen:
            self._timer.start()

    async def _keep(self, fingerprint: str) -> None:
        await self._rooms.store.learn(_PREFIX + fingerprint, KeptDefaults(dict(self._known[fingerprint])))

    @Slot(object)
    def _on_learned(self, file: ModelFile) -> None:
        """A file that was renamed or copied turns out to be one that is known."""
        if not self.of(file):
            return
        self.changed.emit(file)
        self._apply()
        if file == self._rooms.models.chosen:
            self._timer.start()

    @Slot()
    def _apply(self) -> None:
        chosen = self._rooms.models.chosen
        self._rooms.settings.set_own(self.of(chosen) if chosen is not None else {})


def _different(before: Mapping[str, Value], after: Mapping[str, Value]) -> set[str]:
    return {key for key in {*before, *after} if before.get(key) != after.get(key)}


def _valid(stored: Mapping[str, object]) -> dict[str, Value]:
    """What of the stored values is still allowed."""
    valid: dict[str, Value] = {}
    for key in OWN_KEYS:
        if key not in stored:
            continue
        try:
            valid[key] = SETTINGS[key].validate(stored[key])
        except ValueError:
            _log.info("a model's own value of %s is not valid any more", key)
    return valid
