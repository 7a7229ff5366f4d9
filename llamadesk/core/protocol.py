"""What the window and the engine process say to each other, and how it is framed.

A frame is a 4-byte little-endian length followed by that many bytes of JSON: one tagged `Request` (window to engine) or
`Event` (engine to window). Every request has an id; every event about it carries the same id, so that an event of a
generation that is no longer wanted can be dropped.
"""

from __future__ import annotations

import struct
from enum import StrEnum
from typing import Generic, TypeVar

import msgspec

from llamadesk.core.chat import MessageId, Mode, Overflow, ReplyStats, Role
from llamadesk.core.errors import Problem

PROTOCOL_VERSION = 2
ENGINE_FLAG = "--engine"
"""The first argument that makes the app's own program the engine process."""
MAX_FRAME_BYTES = 64 * 1024 * 1024
"""A longer frame is not ours: the sender is broken, and the pipe can no longer be trusted."""

RequestId = int
_LENGTH = struct.Struct("<I")


class KvType(StrEnum):
    """How one element of the KV cache is stored."""

    F16 = "f16"
    Q8_0 = "q8_0"
    Q4_0 = "q4_0"


class Turn(msgspec.Struct, frozen=True):
    """One message as the model is to see it.

    Attributes:
        message_id: of the message it was made of, the first one where several were joined; 0 for none (a system turn).
        pinned: never dropped when the context is full.
    """

    role: Role
    content: str
    message_id: MessageId = MessageId(0)
    pinned: bool = False


class Prompt(msgspec.Struct, frozen=True):
    """What the model is to be shown, before it is rendered.

    Attributes:
        turns: the conversation, a system turn first if there is one. In `Mode.TEXT` the content of the last turn is the
            text to go on with, and no chat format is used.
        mode: whether the chat format of the model is used.
        overflow: what happens where it does not fit. To the engine SUMMARISE is STOP: the summary is made before.
        continues: the last turn is the model's own and was cut off: the reply goes on from its very end.
        chat: names the chat, for its saved states (`Forget` takes the same name); "" saves none.
    """

    turns: list[Turn]
    mode: Mode = Mode.CHAT
    overflow: Overflow = Overflow.STOP
    continues: bool = False
    chat: str = ""


class Sampling(msgspec.Struct, frozen=True):
    """How the next token is chosen. The meanings, and the order in which they apply, are llama.cpp's.

    Attributes:
        temperature: 0 is greedy.
        top_k: 0 is off. top_p, typical_p: 1 is off. min_p: 0 is off.
        repeat_penalty: 1 is off.
        seed: < 0 asks for a new random seed.
        temperature_range: the temperature moves by so much up and down with the entropy; 0 is off.
        penalty_window: tokens of this reply that the three penalties look at; -1 is all of them.
        frequency_penalty, presence_penalty: 0 is off.
        dry_multiplier: 0 turns DRY off. dry_base, dry_allowed_length (tokens), dry_window (tokens; -1 is all).
        xtc_probability: 0 turns XTC off. xtc_threshold: above 0.5 is off as well.
        mirostat: 0 is off, else version 1 or 2, which takes the place of all that cuts tokens off.
        mirostat_tau, mirostat_eta: target entropy and learning rate.
        logit_bias: (text, what is added to the logit of each of its tokens); -inf forbids them.
        grammar: GBNF, or "". json_schema: a JSON schema as text, or ""; goes before `grammar`.
    """

    temperature: float = 0.7
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    repeat_penalty: float = 1.1
    seed: int = -1
    typical_p: float = 1.0
    temperature_range: float = 0.0
    penalty_window: int = 64
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    dry_multiplier: float = 0.0
    dry_base: float = 1.75
    dry_allowed_length: int = 2
    dry_window: int = -1
    xtc_probability: float = 0.0
    xtc_threshold: float = 0.1
    mirostat: int = 0
    mirostat_tau: float = 5.0
    mirostat_eta: float = 0.1
    logit_bias: tuple[tuple[str, float], ...] = ()
    grammar: str = ""
    json_schema: str = ""


class Adapter(msgspec.Struct, frozen=True):
    """A LoRA adapter: its GGUF file (absolute path) and how strongly it works (1.0 as it was trained)."""

    path: str
    scale: float = 1.0


class LoadSettings(msgspec.Struct, frozen=True):
    """Everything that decides how a model is loaded.

    Attributes:
        model_path: absolute path of the GGUF file.
        n_ctx: context length in tokens.
        n_gpu_layers: layers offloaded to the GPU; -1 is all of them.
        n_threads: 0 lets the engine choose (physical cores).
        n_ubatch: tokens in a micro-batch.
        flash_attention: whether attention is computed fused.
        kv_type: element type of K, and of V where flash attention is on; else V is f16.
        use_mmap: map the file instead of reading it.
        adapters: LoRA adapters that are applied.
        tensor_split: the share of each GPU, in the order of Hello's devices; () lets llama.cpp choose by free memory.
        baseline_cpu: compute with the plainest variant of the CPU's modules, and no GPU at all. The engine process is
            started again where it was started otherwise.
    """

    model_path: str
    n_ctx: int = 4096
    n_gpu_layers: int = 0
    n_threads: int = 0
    n_ubatch: int = 128
    flash_attention: bool = False
    kv_type: KvType = KvType.F16
    use_mmap: bool = True
    adapters: tuple[Adapter, ...] = ()
    tensor_split: tuple[float, ...] = ()
    baseline_cpu: bool = False


# --- Requests -------------------------------------------------------------------------------------------------------


class Load(msgspec.Struct, frozen=True, tag=True):
    """Load a model in place of whatever is loaded. Answered by LoadProgress*, then Loaded or Failed."""

    id: RequestId
    settings: LoadSettings


class Unload(msgspec.Struct, frozen=True, tag=True):
    """Free the model and its memory. Answered by Unloaded."""

    id: RequestId


class Generate(msgspec.Struct, frozen=True, tag=True):
    """Write a reply. Answered by Dropped?, PromptProgress*, Delta*, then Finished or Failed.

    Attributes:
        max_tokens: 0 means until the model ends its reply or the context is full.
        stop: strings that end the reply; they are not part of it.
        thought_budget: tokens after which a thought is ended so that the answer begins; -1 is no limit, 0 no thought.
        speculate: guess ahead from the text that is there (n-gram speculation), where that pays.
    """

    id: RequestId
    prompt: Prompt
    sampling: Sampling
    max_tokens: int = 0
    stop: list[str] = []
    thought_budget: int = -1
    speculate: bool = True


class Prepare(msgspec.Struct, frozen=True, tag=True):
    """Read ahead, in the background, what a message to come will need: the turns so far, and of `draft`, what was typed
    and not sent, the tokens that no further typing will change. Answered by Prepared or Failed."""

    id: RequestId
    prompt: Prompt
    draft: str = ""


class Tune(msgspec.Struct, frozen=True, tag=True):
    """Measure, in the background, how the loaded model computes fastest here. Answered by TuneProgress*, then Tuned or
    Failed. What is loaded stays as it is."""

    id: RequestId


class CountTokens(msgspec.Struct, frozen=True, tag=True):
    """How many tokens the loaded model makes of a text. Answered by TokenCount or Failed."""

    id: RequestId
    text: str


class Measure(msgspec.Struct, frozen=True, tag=True):
    """How much of the context a prompt fills, with a draft as the person's next turn ("" is none). Where no model is
    loaded, the vocabulary of the file at `model_path` alone is. Answered by Measured or Failed."""

    id: RequestId
    prompt: Prompt
    draft: str = ""
    model_path: str = ""
    n_ctx: int = 0


class ShowPrompt(msgspec.Struct, frozen=True, tag=True):
    """Exactly what the model would be shown. Answered by PromptShown or Failed."""

    id: RequestId
    prompt: Prompt


class Estimate(msgspec.Struct, frozen=True, tag=True):
    """What a load would take, by letting llama.cpp go through it without allocating (in a throwaway process). Answered
    by Estimated or Failed."""

    id: RequestId
    settings: LoadSettings


class Cancel(msgspec.Struct, frozen=True, tag=True):
    """Stop the request `target` (a load, a reply, a Prepare or a Tune) as soon as possible; it then ends in its usual
    way."""

    target: RequestId


class Forget(msgspec.Struct, frozen=True, tag=True):
    """Delete the saved states of these chats (`Prompt.chat`), in memory and on disk; those of every chat where it is
    None. Not answered."""

    chats: list[str] | None


class Configure(msgspec.Struct, frozen=True, tag=True):
    """How the states of chats are kept. Not answered; holds until the next one.

    Attributes:
        snapshot_folder: where they are kept on disk; "" keeps none there.
        ram_bytes: what saved states may take of the memory; the engine takes less where less is free.
        disk_bytes: what they may take on disk; the ones used longest ago go first.
    """

    snapshot_folder: str = ""
    ram_bytes: int = 0
    disk_bytes: int = 0


class Shutdown(msgspec.Struct, frozen=True, tag=True):
    """End the process."""


Foreground = Load | Unload | Generate
"""What a person waits for: one after the other, in order."""
Background = Prepare | Tune
"""What gives way to any Foreground at once: cancelled where it is under way, and not begun while one waits."""
Aside = CountTokens | Measure | ShowPrompt | Estimate
"""Questions that are answered while other work goes on."""
Request = Foreground | Background | Aside | Cancel | Forget | Configure | Shutdown


# --- Events ---------------------------------------------------------------------------------------------------------


class DeviceKind(StrEnum):
    """What computes."""

    CPU = "cpu"
    GPU = "gpu"
    IGPU = "igpu"
    ACCEL = "accel"


class Device(msgspec.Struct, frozen=True):
    """A device as llama.cpp lists it; memory in bytes."""

    name: str
    description: str
    kind: DeviceKind
    memory_free: int
    memory_total: int


class AcceleratorState(StrEnum):
    """What became of a module that makes GPUs usable."""

    READY = "ready"  # its GPUs are among the devices
    NONE = "none"  # it found no GPU
    MISSING = "missing"  # the system has no driver for it
    CRASHED = "crashed"  # when it was tried
    HUNG = "hung"  # when it was tried
    REFUSED = "refused"  # it could not be started, or computed wrongly
    OFF = "off"  # not tried, in safe mode


class Accelerator(msgspec.Struct, frozen=True):
    """A module that makes GPUs usable, such as "Vulkan". NONE, MISSING and OFF are no reason for alarm.

    Attributes:
        name: what people call it.
        state: what became of it.
        explanation: the same in one or two plain sentences.
    """

    name: str
    state: AcceleratorState
    explanation: str


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


class LoadedModel(msgspec.Struct, frozen=True):
    """Facts of the model that is loaded, as the library sees it."""

    name: str
    path: str
    description: str
    n_layers: int
    n_ctx: int
    n_ctx_train: int
    n_gpu_layers: int
    n_params: int
    size_bytes: int
    template_source: str  # where the chat format came from: "file", "built-in: llama-2", ...
    fingerprint: str = ""  # of the file's contents, by which what was learned of it is kept
    thinks: bool = False  # whether its format knows thoughts apart from the answer
    peak_bytes: int = 0  # main memory that the process held at most during the load; 0 where the system does not tell
    accelerator_bytes: int = 0  # memory of GPUs that the load took, by what is free on them before and after


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


class FinishReason(StrEnum):
    """Why a reply ended."""

    END = "end"  # the model ended it
    STOP_STRING = "stop_string"
    LENGTH = "length"  # max_tokens
    CONTEXT_FULL = "context_full"
    CANCELLED = "cancelled"


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


class Trial(msgspec.Struct, frozen=True):
    """One way of computing that a Tune has measured.

    Attributes:
        n_threads, n_ubatch, flash_attention, kv_type: what was tried; see LoadSettings.
        prefill_speed: tokens read per second.
        shallow_speed, deep_speed: tokens written per second near the beginning of the context and `n_deep` tokens in;
            0.0 where it was not measured.
        n_deep: tokens.
    """

    n_threads: int
    n_ubatch: int
    flash_attention: bool
    kv_type: KvType
    prefill_speed: float
    shallow_speed: float
    deep_speed: float
    n_deep: int


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


class PromptPiece(msgspec.Struct, frozen=True):
    """A piece of a prompt: text, or a control token by its name."""

    text: str
    is_control: bool
    n_tokens: int


class PromptShown(msgspec.Struct, frozen=True, tag=True):
    """Answer to ShowPrompt: the pieces in order, and the messages that do not fit."""

    id: RequestId
    pieces: list[PromptPiece]
    dropped: list[MessageId] = []


class DeviceMemory(msgspec.Struct, frozen=True):
    """What a load would take on one device, in bytes. `device` is its name in Hello; "" is main memory."""

    device: str
    weights: int
    kv: int
    compute: int


class Estimated(msgspec.Struct, frozen=True, tag=True):
    """Answer to Estimate."""

    id: RequestId
    devices: list[DeviceMemory]


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The request ended in a trouble; the engine goes on."""

    id: RequestId
    problem: Problem


Progress = LoadProgress | PromptProgress | Dropped | Delta | TuneProgress
"""What comes on the way to an answer."""
Answer = Loaded | Unloaded | Finished | Prepared | Tuned | TokenCount | Measured | PromptShown | Estimated | Failed
"""What a request ends in."""
Event = Hello | Progress | Answer


# --- Framing --------------------------------------------------------------------------------------------------------


class ProtocolError(Exception):
    """The other side sent something that is no frame of ours."""


def encode(message: Request | Event) -> bytes:
    """One message as a frame. Raises ProtocolError where it is longer than MAX_FRAME_BYTES."""
    body = msgspec.json.encode(message)
    if len(body) > MAX_FRAME_BYTES:
        raise ProtocolError(f"message of {len(body)} bytes")
    return _LENGTH.pack(len(body)) + body


MessageT = TypeVar("MessageT")


class FrameDecoder(Generic[MessageT]):
    """Turns bytes, as they come, into messages of one side."""

    def __init__(self, decoder: msgspec.json.Decoder[MessageT]) -> None:
        self._decoder = decoder
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[MessageT]:
        """The messages that are whole now.

        Raises:
            ProtocolError: a length is out of bounds or a body is not a message; the stream cannot be read any further.
        """
        self._buffer += data
        messages: list[MessageT] = []
        start = 0
        while len(self._buffer) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer, start)
            if length > MAX_FRAME_BYTES:
                raise ProtocolError(f"frame of {length} bytes")
            end = start + _LENGTH.size + length
            if len(self._buffer) < end:
                break
            body = memoryview(self._buffer)[start + _LENGTH.size : end]
            try:
                messages.append(self._decoder.decode(body))
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise ProtocolError(str(error)) from error
            finally:
                body.release()
            start = end
        del self._buffer[:start]
        return messages


def request_decoder() -> FrameDecoder[Request]:
    """A decoder for what the engine reads."""
    return FrameDecoder[Request](msgspec.json.Decoder(Request))


def event_decoder() -> FrameDecoder[Event]:
    """A decoder for what the window reads."""
    return FrameDecoder[Event](msgspec.json.Decoder(Event))
