"""The values of the settings, as the window shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from PySide6.QtCore import QObject, Signal

from llamadesk.core.settings import SETTINGS, Value, defaults

_T = TypeVar("_T", bool, int, float, str)


class SettingValues(QObject):
    """Every setting's value by key, and the values that the chosen model has of its own. Changed by `control` alone; a
    view asks control."""

    changed = Signal(str)
    """key of the setting that has another value now, or of which the chosen model has another one."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._values = defaults()
        self._own: dict[str, Value] = {}

    def get(self, key: str, kind: type[_T]) -> _T:
        """The value of `key`, which must be declared with the type `kind`."""
        return _typed(key, self._values[key], kind)

    def effective(self, key: str, kind: type[_T]) -> _T:
        """The value of `key` that holds for the chosen model: its own, else the person's for all models."""
        return _typed(key, self._own.get(key, self._values[key]), kind)

    def own(self, key: str) -> Value | None:
        """The value of `key` that the chosen model has of its own; None where it has none."""
        return self._own.get(key)

    def value(self, key: str) -> Value:
        """The value of `key`, whatever its type."""
        return self._values[key]

    def set(self, key: str, value: object) -> bool:
        """Take a new value; True where it differs. Raises ValueError (in words for a person) or KeyError."""
        valid = SETTINGS[key].validate(value)
        if self._values[key] == valid:
            return False
        self._values[key] = valid
        self.changed.emit(key)
        return True

    def set_own(self, own: Mapping[str, Value]) -> None:
        """The chosen model is another one, or has other values of its own: these, all of them valid."""
        before, self._own = self._own, dict(own)
        for key in sorted({*before, *own}):
            if before.get(key) != own.get(key):
                self.changed.emit(key)

    def restore(self, stored: Mapping[str, object]) -> list[str]:
        """Take what the store kept; unknown keys and values that are no longer valid are left out and returned."""
        refused = []
        for key, value in stored.items():
            try:
                self.set(key, value)
            except (KeyError, ValueError):
                refused.append(key)
        return refused


def _typed(key: str, value: Value, kind: type[_T]) -> _T:
    if not isinstance(value, kind):
        raise TypeError(f"{key} is no {kind.__name__}")
    return value
