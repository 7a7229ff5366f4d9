"""What the engine tells the window."""

from __future__ import annotations

import msgspec

from llamadesk.core.chat import MessageId, ReplyStats
from llamadesk.core.errors import Problem
from llamadesk.core.protocol.values import (
    Accelerator,
    Device,
    DeviceMemory,
    FinishReason,
    LoadedModel,
    PromptPiece,
    RequestId,
    Trial,
)


class Hello(msgspec.Struct, frozen=True, tag=True):
    """The first event of an engine process.

    Attributes:
        protocol: PROTOCOL_VERSION.
        pid: of the process.
        library_version: llama.cpp's.
        devices: everything that could compute.
        cpu_features: what the library uses of this processor, such as "AVX2".
        cpu_variant: which of the CPU's modules was chosen, such as "haswell"; "" where there is but one.
        accelerators: the modules for GPUs, whether they work or not.
    """

    protocol: int
    pid: int
    library_version: str
    devices: list[Device]
    cpu_features: list[str]
    cpu_variant: str = ""
    accelerators: list[Accelerator] = []


class LoadProgress(msgspec.Struct, frozen=True, tag=True):
    """`fraction` of the weights that are loaded, 0 to 1."""

    id: RequestId
    fraction: float


class Loaded(msgspec.Struct, frozen=True, tag=True):
    """The model answers questions from now on."""

    id: RequestId
    model: LoadedModel
    seconds: float


class Unloaded(msgspec.Struct, frozen=True, tag=True):
    """Nothing is loaded any more."""

    id: RequestId


class PromptProgress(msgspec.Struct, frozen=True, tag=True):
    """The prompt is being read: `done` of `total` tokens, `reused` of which needed no reading."""

    id: RequestId
    done: int
    total: int
    reused: int


class Dropped(msgspec.Struct, frozen=True, tag=True):
    """The context is full and rolls on: the model does not see these messages any more. Comes before the prompt is
    read, and again where it fills up while the reply is written; the last one counts."""

    id: RequestId
    message_ids: list[MessageId]


class Delta(msgspec.Struct, frozen=True, tag=True):
    """More text of the reply, and more of the thought before it. `n_tokens` were generated since the last Delta;
    `n_past` are now in the context."""

    id: RequestId
    text: str
    n_tokens: int
    n_past: int
    thought: str = ""


class Finished(msgspec.Struct, frozen=True, tag=True):
    """The reply is whole. `n_past` tokens are in the context of `n_ctx`. `peak_bytes`: main memory that the process has
    held at most since the load; 0 where the system does not tell."""

    id: RequestId
    reason: FinishReason
    stats: ReplyStats
    n_past: int
    n_ctx: int
    peak_bytes: int = 0


class Prepared(msgspec.Struct, frozen=True, tag=True):
    """A Prepare ended, whole or not: `n_read` tokens were read, `n_reused` were there before (from a saved state or the
    cache), of `n_total`."""

    id: RequestId
    n_read: int
    n_reused: int
    n_total: int
    whole: bool


class TuneProgress(msgspec.Struct, frozen=True, tag=True):
    """`fraction` of a Tune that is done, 0 to 1."""

    id: RequestId
    fraction: float


class Tuned(msgspec.Struct, frozen=True, tag=True):
    """A Tune ended: what it has measured, the best first; `whole` where nothing cut it short."""

    id: RequestId
    trials: list[Trial]
    whole: bool


class TokenCount(msgspec.Struct, frozen=True, tag=True):
    """Answer to CountTokens."""

    id: RequestId
    n_tokens: int


class Measured(msgspec.Struct, frozen=True, tag=True):
    """Answer to Measure, in tokens. `n_system` + `n_history` + `n_draft` is the whole prompt, what the chat format adds
    included; `dropped` are the messages that would not be seen (overflow ROLL), and not counted."""

    id: RequestId
    n_system: int
    n_history: int
    n_draft: int
    n_ctx: int
    dropped: list[MessageId] = []


class PromptShown(msgspec.Struct, frozen=True, tag=True):
    """Answer to ShowPrompt: the pieces in order, and the messages that do not fit."""

    id: RequestId
    pieces: list[PromptPiece]
    dropped: list[MessageId] = []


class Estimated(msgspec.Struct, frozen=True, tag=True):
    """Answer to Estimate: what the load would take on each device, and what the devices are and have free now."""

    id: RequestId
    devices: list[DeviceMemory]
    listed: list[Device] = []


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The request ended in a trouble; the engine goes on."""

    id: RequestId
    problem: Problem


Progress = LoadProgress | PromptProgress | Dropped | Delta | TuneProgress
"""What comes on the way to an answer."""


Answer = Loaded | Unloaded | Finished | Prepared | Tuned | TokenCount | Measured | PromptShown | Estimated | Failed
"""What a request ends in."""


Event = Hello | Progress | Answer
