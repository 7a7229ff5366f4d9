"""The table of settings: each is declared once, here. The pane, validation, storage and the tests read it.

A value is a plain JSON scalar. `validate` is the only way a value becomes a setting's value.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

from llamadesk.core.chat import Overflow
from llamadesk.core.protocol import KvType

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


MODEL_PATH: Final = "model.path"
GPU_LAYERS: Final = "model.gpu_layers"
CONTEXT_LENGTH: Final = "model.context_length"
THREADS: Final = "model.threads"
TENSOR_SPLIT: Final = "model.tensor_split"
ADAPTERS: Final = "model.adapters"
FLASH_ATTENTION: Final = "speed.flash_attention"
MICRO_BATCH: Final = "speed.micro_batch"
KV_TYPE: Final = "speed.kv_type"
MEMORY_MAP: Final = "speed.memory_map"
TUNING: Final = "speed.tuning"
READ_AHEAD: Final = "speed.read_ahead"
SPECULATION: Final = "sampling.speculation"
CACHE_MEMORY: Final = "speed.cache_memory"
CACHE_DISK: Final = "speed.cache_disk"
IDLE_MINUTES: Final = "speed.idle_minutes"
KEEP_AWAKE: Final = "speed.keep_awake"
OVERFLOW: Final = "chat.overflow"
THOUGHT_BUDGET: Final = "chat.thought_budget"
TYPICAL_P: Final = "sampling.typical_p"
TEMPERATURE_RANGE: Final = "sampling.temperature_range"
PENALTY_WINDOW: Final = "sampling.penalty_window"
FREQUENCY_PENALTY: Final = "sampling.frequency_penalty"
PRESENCE_PENALTY: Final = "sampling.presence_penalty"
DRY_MULTIPLIER: Final = "sampling.dry_multiplier"
DRY_BASE: Final = "sampling.dry_base"
DRY_ALLOWED_LENGTH: Final = "sampling.dry_allowed_length"
DRY_WINDOW: Final = "sampling.dry_window"
XTC_PROBABILITY: Final = "sampling.xtc_probability"
XTC_THRESHOLD: Final = "sampling.xtc_threshold"
MIROSTAT: Final = "sampling.mirostat"
MIROSTAT_TAU: Final = "sampling.mirostat_tau"
MIROSTAT_ETA: Final = "sampling.mirostat_eta"
LOGIT_BIAS: Final = "sampling.logit_bias"
GRAMMAR: Final = "sampling.grammar"
JSON_SCHEMA: Final = "sampling.json_schema"
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
AUTO_GPU_LAYERS: Final = -2
"""`model.gpu_layers` where as many layers as fit are to go to the GPU."""


class Switch(StrEnum):
    """A choice that LlamaDesk can make itself, by what it has measured."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


_SWITCH: Final = ((Switch.AUTO.value, "Automatic"), (Switch.ON.value, "On"), (Switch.OFF.value, "Off"))
AUTO_KV_TYPE: Final = "auto"

_MEGABYTE = 1024 * 1024

SETTINGS: Final[Mapping[str, Setting]] = {
    setting.key: setting
    for setting in (
        Setting(MODEL_PATH, "", "Model", "The model that answers.", Group.HIDDEN, needs=Needs.LOAD),
        Setting(
            GPU_LAYERS,
            AUTO_GPU_LAYERS,
            "GPU layers",
            "How much of the model the graphics card works on. More is faster, as long as the card's memory holds it.",
            Group.MODEL,
            minimum=AUTO_GPU_LAYERS,
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
            lowest_means="Automatic",
        ),
        Setting(
            TENSOR_SPLIT,
            "",
            "Split between graphics cards",
            'How the layers are shared out between several cards, such as "3, 1" for three quarters on the first. '
            "Empty shares them out by free memory.",
            Group.MODEL,
            maximum=200,
            needs=Needs.LOAD,
        ),
        Setting(
            ADAPTERS,
            "",
            "LoRA adapters",
            "Files that change how a model writes; each must be made for this model.",
            Group.MODEL,
            maximum=20_000,
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
            OVERFLOW,
            Overflow.ROLL.value,
            "When a chat is too long",
            "What happens when a chat no longer fits into what the model can keep in mind. Nothing is ever deleted; a "
            "line in the chat shows where the model's memory begins.",
            Group.CHAT,
            choices=(
                (Overflow.ROLL.value, "Forget the oldest"),
                (Overflow.SUMMARISE.value, "Summarise the oldest"),
                (Overflow.STOP.value, "Stop and ask me"),
            ),
        ),
        Setting(
            THOUGHT_BUDGET,
            -1,
            "Longest thought",
            "Some models think before they answer. After so many tokens the answer has to begin; 0 skips the thought.",
            Group.CHAT,
            minimum=-1,
            maximum=1_048_576,
            step=128,
            lowest_means="No limit",
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
            lowest_means="Random",
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
            lowest_means="No limit",
        ),
        Setting(
            SPECULATION,
            True,
            "Guess ahead",
            "Where a reply repeats what is already in the chat, several words are written at once. The reply stays the "
            "same; it only comes faster. Turns itself off where it does not pay.",
            Group.SPEED,
        ),
        Setting(
            READ_AHEAD,
            True,
            "Read while you type",
            "The model reads a chat when you open it, and your message while you write it, so that the reply begins "
            "sooner. Never on battery.",
            Group.SPEED,
        ),
        Setting(
            TUNING,
            True,
            "Find the fastest way to compute",
            "Once for each model, while nothing else is going on, LlamaDesk tries what runs fastest on this computer.",
            Group.SPEED,
        ),
        Setting(
            FLASH_ATTENTION,
            Switch.AUTO.value,
            "Flash attention",
            "Another way to compute with a long chat: usually faster on a graphics card, often slower on a processor.",
            Group.SPEED,
            choices=_SWITCH,
            needs=Needs.LOAD,
        ),
        Setting(
            KV_TYPE,
            AUTO_KV_TYPE,
            "Precision of the chat's memory",
            "Less precise needs less memory for long chats and may answer a little worse.",
            Group.SPEED,
            choices=(
                (AUTO_KV_TYPE, "Automatic"),
                (KvType.F16.value, "Full (f16)"),
                (KvType.Q8_0.value, "Half (q8_0)"),
                (KvType.Q4_0.value, "Quarter (q4_0)"),
            ),
            needs=Needs.LOAD,
        ),
        Setting(
            MICRO_BATCH,
            0,
            "Tokens read at a time",
            "More may read long messages faster; fewer need less memory and stop sooner.",
            Group.SPEED,
            minimum=0,
            maximum=512,
            step=32,
            needs=Needs.LOAD,
            lowest_means="Automatic",
        ),
        Setting(
            MEMORY_MAP,
            Switch.AUTO.value,
            "Map the model's file",
            "Whether the model is used from its file (starts sooner, shared) or copied into memory.",
            Group.SPEED,
            choices=_SWITCH,
            needs=Needs.LOAD,
        ),
        Setting(
            CACHE_MEMORY,
            -1,
            "Memory for other chats",
            "What the model has read of chats that are not open, so that going back to one needs no reading again. "
            "Never more than is free.",
            Group.SPEED,
            minimum=-1,
            maximum=1_000_000,
            step=256,
            lowest_means="Automatic",
            unit=" MB",
        ),
        Setting(
            CACHE_DISK,
            4000,
            "Disk space for read chats",
            "The same, kept on disk for the next start: yesterday's chat goes on at once. 0 keeps nothing on disk.",
            Group.SPEED,
            minimum=0,
            maximum=10_000_000,
            step=500,
            lowest_means="Off",
            unit=" MB",
        ),
        Setting(
            IDLE_MINUTES,
            30,
            "Rest after",
            "When nothing was asked for this long, the model gives its memory back. It is loaded again by itself with "
            "your next message.",
            Group.SPEED,
            minimum=0,
            maximum=10_000,
            step=5,
            lowest_means="Never",
            unit=" min",
        ),
        Setting(
            KEEP_AWAKE,
            True,
            "Stay awake during a reply",
            "Keeps the computer from going to sleep by itself while the model writes.",
            Group.SPEED,
        ),
        Setting(
            TYPICAL_P,
            1.0,
            "Typical P",
            "Keeps to tokens that are about as surprising as is usual here. 1 turns it off.",
            Group.MORE_SAMPLING,
            minimum=0.0,
            maximum=1.0,
            step=0.01,
        ),
        Setting(
            TEMPERATURE_RANGE,
            0.0,
            "Temperature range",
            "The temperature goes down by so much where the model is sure and up where it is not. 0 turns it off.",
            Group.MORE_SAMPLING,
            minimum=0.0,
            maximum=2.0,
            step=0.05,
        ),
        Setting(
            PENALTY_WINDOW,
            64,
            "Penalties look back",
            "How many tokens of the reply the penalties for repeating look at.",
            Group.MORE_SAMPLING,
            minimum=-1,
            maximum=1_048_576,
            step=16,
            lowest_means="All",
        ),
        Setting(
            FREQUENCY_PENALTY,
            0.0,
            "Frequency penalty",
            "Makes words less likely the more often they were used. 0 turns it off.",
            Group.MORE_SAMPLING,
            minimum=-2.0,
            maximum=2.0,
            step=0.05,
        ),
        Setting(
            PRESENCE_PENALTY,
            0.0,
            "Presence penalty",
            "Makes words that were used at all less likely. 0 turns it off.",
            Group.MORE_SAMPLING,
            minimum=-2.0,
            maximum=2.0,
            step=0.05,
        ),
        Setting(
            DRY_MULTIPLIER,
            0.0,
            "DRY strength",
            "Keeps the reply from repeating whole phrases; 0.8 is usual. 0 turns it off.",
            Group.MORE_SAMPLING,
            minimum=0.0,
            maximum=5.0,
            step=0.05,
        ),
        Setting(
            DRY_BASE,
            1.75,
            "DRY growth",
            "How fast the penalty grows with the length of the repeated phrase.",
            Group.MORE_SAMPLING,
            minimum=1.0,
            maximum=4.0,
            step=0.05,
        ),
        Setting(
            DRY_ALLOWED_LENGTH,
            2,
            "DRY free length",
            "Phrases up to this many tokens may repeat freely.",
            Group.MORE_SAMPLING,
            minimum=1,
            maximum=100,
        ),
        Setting(
            DRY_WINDOW,
            -1,
            "DRY looks back",
            "How many tokens DRY looks at.",
            Group.MORE_SAMPLING,
            minimum=-1,
            maximum=1_048_576,
            step=64,
            lowest_means="All",
        ),
        Setting(
            XTC_PROBABILITY,
            0.0,
            "XTC chance",
            "How often the likeliest words are left out, which makes a text less predictable. 0 turns it off.",
            Group.MORE_SAMPLING,
            minimum=0.0,
            maximum=1.0,
            step=0.05,
        ),
        Setting(
            XTC_THRESHOLD,
            0.1,
            "XTC threshold",
            "A word must be this likely to be left out by XTC.",
            Group.MORE_SAMPLING,
            minimum=0.0,
            maximum=1.0,
            step=0.01,
        ),
        Setting(
            MIROSTAT,
            0,
            "Mirostat",
            "Steers how surprising a reply is all through, in place of Top K, Top P, Min P and Typical P.",
            Group.MORE_SAMPLING,
            choices=((0, "Off"), (1, "Version 1"), (2, "Version 2")),
        ),
        Setting(
            MIROSTAT_TAU,
            5.0,
            "Mirostat surprise",
            "How surprising a reply is to be.",
            Group.MORE_SAMPLING,
            minimum=0.0,
            maximum=20.0,
            step=0.1,
        ),
        Setting(
            MIROSTAT_ETA,
            0.1,
            "Mirostat speed",
            "How fast it steers.",
            Group.MORE_SAMPLING,
            minimum=0.0,
            maximum=1.0,
            step=0.01,
        ),
        Setting(
            LOGIT_BIAS,
            "",
            "Wanted and unwanted words",
            'One on each line: a word, "=" and a number, such as "very = -2". Above 0 makes it likelier, below 0 less '
            'likely; "never" forbids it.',
            Group.MORE_SAMPLING,
            maximum=20_000,
        ),
        Setting(
            JSON_SCHEMA,
            "",
            "JSON schema",
            "Every reply is JSON that fits this schema.",
            Group.MORE_SAMPLING,
            maximum=200_000,
        ),
        Setting(
            GRAMMAR,
            "",
            "Grammar",
            "Every reply fits this grammar, in the GBNF notation of llama.cpp.",
            Group.MORE_SAMPLING,
            maximum=200_000,
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
            unit=" %",
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
