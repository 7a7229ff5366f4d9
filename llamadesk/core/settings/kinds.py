"""What a setting is, and how a value is checked against it."""

from __future__ import annotations

import math
from enum import StrEnum

import msgspec

Value = bool | int | float | str


class Needs(StrEnum):
    """What a change of the setting costs."""

    NOTHING = "nothing"  # used from the next message, or at once
    LOAD = "load"  # the model is loaded again


class Group(StrEnum):
    """The section of the pane; HIDDEN is kept, but not shown there."""

    MODEL = "Model"
    CHAT = "Chat"
    SAMPLING = "Sampling"
    MORE_SAMPLING = "More sampling"
    SPEED = "Speed and memory"
    APPEARANCE = "Appearance"
    HELP = "About and help"
    HIDDEN = ""


class Theme(StrEnum):
    """The colours of the window."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


class Setting(msgspec.Struct, frozen=True):
    """One setting.

    Attributes:
        key: its name in the store.
        default: the value until a person chooses one; its type is the setting's type.
        label: its accessible name and its words in the pane.
        help: one or two sentences for someone who does not know what a token is.
        minimum, maximum: bounds, included, of a number; of a text, `maximum` bounds the length in characters.
        step: of a slider or spin box.
        choices: the values allowed, for a choice, with their words.
        lowest_means: what the lowest value of a number is called, where it means something else than a number.
        unit: what stands behind a number, such as " MB".
        needs: what a change costs.
    """

    key: str
    default: Value
    label: str
    help: str
    group: Group
    minimum: float | None = None
    maximum: float | None = None
    step: float = 1
    choices: tuple[tuple[Value, str], ...] = ()
    needs: Needs = Needs.NOTHING
    lowest_means: str = ""
    unit: str = ""

    def validate(self, value: object) -> Value:
        """`value` as this setting's type and within its bounds.

        Raises:
            ValueError: it cannot be made so; the text says why, in words for a person.
        """
        if self.choices:
            for allowed, _ in self.choices:
                if value == allowed and type(value) is type(allowed):
                    return allowed
            raise ValueError(f"{self.label}: not one of the choices.")
        if isinstance(self.default, bool):
            if not isinstance(value, bool):
                raise ValueError(f"{self.label}: must be on or off.")
            return value
        if isinstance(self.default, str):
            if not isinstance(value, str):
                raise ValueError(f"{self.label}: must be a text.")
            if self.maximum is not None and len(value) > self.maximum:
                raise ValueError(f"{self.label}: at most {self.maximum:.0f} characters.")
            return value
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value or abs(value) == math.inf:
            raise ValueError(f"{self.label}: must be a number.")
        is_low = self.minimum is not None and value < self.minimum
        is_high = self.maximum is not None and value > self.maximum
        if is_low or is_high:
            raise ValueError(f"{self.label}: must be between {self.minimum:g} and {self.maximum:g}.")
        if isinstance(self.default, int):
            if value != int(value):
                raise ValueError(f"{self.label}: must be a whole number.")
            return int(value)
        return float(value)
