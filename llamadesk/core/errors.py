"""A trouble that a person can mend, told in plain words.

Anything that is *not* a `ProblemError` is a bug and is shown as one (a report with the log); see `llamadesk.log`.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class ProblemCode(StrEnum):
    """What kind of trouble it was. Code branches on this, never on the words."""

    # The model file
    MODEL_MISSING = "model_missing"
    MODEL_UNREADABLE = "model_unreadable"
    MODEL_DAMAGED = "model_damaged"
    MODEL_OLD_FORMAT = "model_old_format"
    MODEL_NOT_GGUF = "model_not_gguf"
    MODEL_UNSUPPORTED = "model_unsupported"
    MODEL_TOO_LARGE = "model_too_large"
    LOAD_FAILED = "load_failed"
    LOAD_CANCELLED = "load_cancelled"
    ADAPTER_UNUSABLE = "adapter_unusable"
    CATALOGUE_UNREADABLE = "catalogue_unreadable"
    QUANTIZE_FAILED = "quantize_failed"
    # The prompt and the reply
    NO_MODEL = "no_model"
    TEMPLATE_FAILED = "template_failed"
    PROMPT_TOO_LONG = "prompt_too_long"
    DECODE_FAILED = "decode_failed"
    GRAMMAR_INVALID = "grammar_invalid"
    # The engine process
    ENGINE_LOST = "engine_lost"
    ENGINE_GAVE_UP = "engine_gave_up"
    ENGINE_NOT_STARTED = "engine_not_started"
    # Files that are made, and go
    DISK_FULL = "disk_full"
    TRASH_REFUSED = "trash_refused"
    TRASH_FAILED = "trash_failed"
    # The network
    NETWORK_FAILED = "network_failed"
    HUB_GATED = "hub_gated"
    HUB_TOKEN = "hub_token"
    HUB_MISSING = "hub_missing"
    HUB_BUSY = "hub_busy"
    DOWNLOAD_CHANGED = "download_changed"
    DOWNLOAD_DAMAGED = "download_damaged"
    DOWNLOAD_UNWRITABLE = "download_unwritable"
    DOWNLOAD_NAME_TAKEN = "download_name_taken"
    # The store
    STORE_READ_ONLY = "store_read_only"
    STORE_FULL = "store_full"
    STORE_DAMAGED = "store_damaged"
    STORE_NEWER = "store_newer"
    STORE_IN_USE = "store_in_use"
    STORE_FAILED = "store_failed"


class Problem(msgspec.Struct, frozen=True):
    """What happened and what to do, in words for a person; travels over the pipe and into notices.

    Attributes:
        code: the kind of trouble.
        title: one sentence: what happened. No jargon, no path of our own sources.
        advice: one or two sentences: what the person can do now.
        detail: technical text for the log and for "Details"; never a chat's text.
    """

    code: ProblemCode
    title: str
    advice: str = ""
    detail: str = ""

    @property
    def text(self) -> str:
        """Title and advice as one paragraph."""
        return f"{self.title} {self.advice}".strip()


class ProblemError(Exception):
    """Raised where a `Problem` ends the work at hand."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem.code}: {problem.title} [{problem.detail}]")
        self.problem = problem
