"""The table of settings: each is declared once, here. The pane, validation, storage and the tests read it.

A value is a plain JSON scalar. `validate` is the only way a value becomes a setting's value.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

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


MODEL_PATH: Final = "model.path"
GPU_LAYERS: Final = "model.gpu_layers"
CONTEXT_LENGTH: Final = "model.context_length"
THREADS: Final = "model.threads"
SYSTEM_PROMPT: Final = "chat.system_prompt"
TEMPERATURE: Final = "sampling.temperature"
TOP_K: Final = "sampling.top_k"
TOP_P: Final = "sampling.top_p"
MIN_P: Final = "sampling.min_p"
REPEAT_PENALTY: Final = "sampling.repeat_penalty"
SEED: Final = "sampling.seed"
MAX_TOKENS: Final = "sampling.max_tokens"
THEME: Final = "appearance.theme"
ZOOM: Final = "appearance.zoom"
UPDATE_CHECK: Final = "updates.check"
UPDATE_CHECKED_AT: Final = "updates.checked_at"
WINDOW_GEOMETRY: Final = "window.geometry"
SIDEBAR_SHOWN: Final = "window.sidebar_shown"
PANE_SHOWN: Final = "window.pane_shown"
OPEN_CONVERSATION: Final = "window.open_conversation"
NEW_CHAT_DRAFT: Final = "window.new_chat_draft"

ALL_GPU_LAYERS: Final = -1
"""`model.gpu_layers` where every layer is to go to the GPU, however many the model has."""

_MEGABYTE = 1024 * 1024

SETTINGS: Final[Mapping[str, Setting]] = {
    setting.key: setting
    for setting in (
        Setting(MODEL_PATH, "", "Model", "The model that answers.", Group.HIDDEN, needs=Needs.LOAD),
        Setting(
            GPU_LAYERS,
            ALL_GPU_LAYERS,
            "GPU layers",
            "How much of the model the graphics card works on. More is faster, as long as the card's memory holds it.",
            Group.MODEL,
            minimum=ALL_GPU_LAYERS,
            maximum=1000,
            needs=Needs.LOAD,
        ),
        Setting(
            CONTEXT_LENGTH,
            0,
            "Context length",
            "How much of a chat the model can keep in mind, in tokens (a token is about three quarters of a word). "
            "Longer needs more memory.",
            Group.MODEL,
            minimum=0,
            maximum=1_048_576,
            step=256,
            needs=Needs.LOAD,
        ),
        Setting(
            THREADS,
            0,
            "Processor threads",
            "How many processor cores the model uses. Automatic is right for almost everyone.",
            Group.MODEL,
            minimum=0,
            maximum=256,
            needs=Needs.LOAD,
        ),
        Setting(
            SYSTEM_PROMPT,
            "Answer correctly, in the language you are asked in.",  # a small model strays far less often with it
            "System prompt",
            "Told to the model before every chat: who it is, how it should answer.",
            Group.CHAT,
            maximum=100_000,
        ),
        Setting(
            TEMPERATURE,
            0.7,
            "Temperature",
            "Low keeps to the likeliest words, high is more surprising. 0 always gives the same answer.",
            Group.SAMPLING,
            minimum=0.0,
            maximum=2.0,
            step=0.05,
        ),
        Setting(
            TOP_K,
            40,
            "Top K",
            "Only this many of the likeliest tokens are considered. 0 turns it off.",
            Group.SAMPLING,
            minimum=0,
            maximum=1000,
        ),
        Setting(
            TOP_P,
            0.95,
            "Top P",
            "Only the likeliest tokens whose chances add up to this are considered. 1 turns it off.",
            Group.SAMPLING,
            minimum=0.0,
            maximum=1.0,
            step=0.01,
        ),
        Setting(
            MIN_P,
            0.05,
            "Min P",
            "Tokens with less than this share of the likeliest one's chance are left out. 0 turns it off.",
            Group.SAMPLING,
            minimum=0.0,
            maximum=1.0,
            step=0.01,
        ),
        Setting(
            REPEAT_PENALTY,
            1.1,
            "Repeat penalty",
            "Makes words that were just used less likely. 1 turns it off.",
            Group.SAMPLING,
            minimum=0.5,
            maximum=2.0,
            step=0.01,
        ),
        Setting(
            SEED,
            -1,
            "Seed",
            "The same seed gives the same answer to the same question. -1 takes a new one each time.",
            Group.SAMPLING,
            minimum=-1,
            maximum=2**31 - 1,
        ),
        Setting(
            MAX_TOKENS,
            0,
            "Longest reply",
            "A reply ends after this many tokens. 0 lets the model decide.",
            Group.SAMPLING,
            minimum=0,
            maximum=1_048_576,
            step=64,
        ),
        Setting(
            THEME,
            Theme.SYSTEM.value,
            "Theme",
            "The colours of the window.",
            Group.APPEARANCE,
            choices=((Theme.SYSTEM.value, "System"), (Theme.LIGHT.value, "Light"), (Theme.DARK.value, "Dark")),
        ),
        Setting(
            ZOOM,
            100,
            "Text size",
            "In per cent. Ctrl + and Ctrl - change it anywhere.",
            Group.APPEARANCE,
            minimum=50,
            maximum=300,
            step=10,
        ),
        Setting(
            UPDATE_CHECK,
            False,
            "Look for new versions",
            "Once a day, after it starts, LlamaDesk reads a small file of its project on GitHub and tells you of each "
            "new version. Nothing about you or your chats is sent; as for any page you visit, the server sees your "
            "internet address. Nothing is installed by itself.",
            Group.HELP,
        ),
        Setting(
            UPDATE_CHECKED_AT,
            0,
            "Looked for new versions",
            "When that was done last, in seconds since 1970; 0 is never.",
            Group.HIDDEN,
            minimum=0,
            maximum=2**53,
        ),
        Setting(WINDOW_GEOMETRY, "", "Window", "Where the window was, in Qt's own encoding.", Group.HIDDEN),
        Setting(SIDEBAR_SHOWN, True, "Sidebar", "Whether the list of chats is shown.", Group.HIDDEN),
        Setting(PANE_SHOWN, False, "Settings", "Whether the settings pane is shown.", Group.HIDDEN),
        Setting(
            OPEN_CONVERSATION,
            0,
            "Open chat",
            "The chat that was open last; 0 is a new one.",
            Group.HIDDEN,
            minimum=0,
            maximum=2**63 - 1,
        ),
        Setting(
            NEW_CHAT_DRAFT,
            "",
            "Draft",
            "What was typed into a new chat and not sent.",
            Group.HIDDEN,
            maximum=64 * _MEGABYTE,
        ),
    )
}


def defaults() -> dict[str, Value]:
    """Every setting's default by key."""
    return {key: setting.default for key, setting in SETTINGS.items()}
