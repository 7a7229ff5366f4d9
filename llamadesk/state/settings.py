"""The values of the settings, as the window shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from PySide6.QtCore import QObject, Signal

from llamadesk.core.settings import SETTINGS, Value, defaults

_T = TypeVar("_T", bool, int, float, str)


class SettingValues(QObject):
    """Every setting's value by key. Changed by `control` alone; a view asks control."""

    changed = Signal(str)
    """key of the setting that has another value now."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._values = defaults()

    def get(self, key: str, kind: type[_T]) -> _T:
        """The value of `key`, which must be declared with the type `kind`."""
        value = self._values[key]
        if not isinstance(value, kind):
            raise TypeError(f"{key} is no {kind.__name__}")
        return value

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

    def restore(self, stored: Mapping[str, object]) -> list[str]:
        """Take what the store kept; unknown keys and values that are no longer valid are left out and returned."""
        refused = []
        for key, value in stored.items():
            try:
                self.set(key, value)
            except (KeyError, ValueError):
                refused.append(key)
        return refused
