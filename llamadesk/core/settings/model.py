"""Which model, how it is loaded, and how a chat is shown to it."""

from __future__ import annotations

from typing import Final

from llamadesk.core.chat import Overflow
from llamadesk.core.settings.keys import (
    ADAPTERS,
    AUTO_GPU_LAYERS,
    CONTEXT_LENGTH,
    GPU_LAYERS,
    MODEL_PATH,
    OVERFLOW,
    SYSTEM_PROMPT,
    TENSOR_SPLIT,
    THOUGHT_BUDGET,
    THREADS,
)
from llamadesk.core.settings.kinds import Group, Needs, Setting

SETTINGS: Final = (
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
        lowest_means="Automatic",
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
        lowest_means="Automatic",
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
)
