"""What makes replies come sooner, and what that may cost."""

from __future__ import annotations

from typing import Final

from llamadesk.core.protocol import KvType
from llamadesk.core.settings.keys import (
    AUTO_KV_TYPE,
    CACHE_DISK,
    CACHE_MEMORY,
    FLASH_ATTENTION,
    IDLE_MINUTES,
    KEEP_AWAKE,
    KV_TYPE,
    MEMORY_MAP,
    MICRO_BATCH,
    READ_AHEAD,
    SPECULATION,
    TUNING,
    Switch,
)
from llamadesk.core.settings.kinds import Group, Needs, Setting

_SWITCH: Final = ((Switch.AUTO.value, "Automatic"), (Switch.ON.value, "On"), (Switch.OFF.value, "Off"))

SETTINGS: Final = (
    Setting(
        SPECULATION,
        True,
        "Guess ahead",
        "Where a reply repeats what is already in the chat, several words are checked at once. The reply is as good as "
        "without it; it only comes faster. Turns itself off where it does not pay.",
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
        "Stay awake while at work",
        "Keeps the computer from going to sleep by itself while the model writes, or a model is downloaded or made.",
        Group.SPEED,
    ),
)
