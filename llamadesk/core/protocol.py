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

from llamadesk.core.chat import ReplyStats, Role
from llamadesk.core.errors import Problem

PROTOCOL_VERSION = 1
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
    """One message as the model is to see it."""

    role: Role
    content: str


class Sampling(msgspec.Struct, frozen=True):
    """How the next token is chosen. The meanings are llama.cpp's; 1.0 turns `top_p` and `repeat_penalty` off, 0 `top_k`
    and `min_p`. A temperature of 0 is greedy. `seed` < 0 asks for a new random seed."""

    temperature: float = 0.7
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    repeat_penalty: float = 1.1
    seed: int = -1


class LoadSettings(msgspec.Struct, frozen=True):
    """Everything that decides how a model is loaded.

    Attributes:
        model_path: absolute path of the GGUF file.
        n_ctx: context length in tokens.
        n_gpu_layers: layers offloaded to the GPU; -1 is all of them.
        n_threads: 0 lets the engine choose (physical cores).
        n_ubatch: tokens in a micro-batch.
        flash_attention: whether attention is computed fused.
        kv_type: element type of K and V.
        use_mmap: map the file instead of reading it.
    """

    model_path: str
    n_ctx: int = 4096
    n_gpu_layers: int = 0
    n_threads: int = 0
    n_ubatch: int = 128
    flash_attention: bool = False
    kv_type: KvType = KvType.F16
    use_mmap: bool = True


# --- Requests -------------------------------------------------------------------------------------------------------


class Load(msgspec.Struct, frozen=True, tag=True):
    """Load a model in place of whatever is loaded. Answered by LoadProgress*, then Loaded or Failed."""

    id: RequestId
    settings: LoadSettings


class Unload(msgspec.Struct, frozen=True, tag=True):
    """Free the model and its memory. Answered by Unloaded."""

    id: RequestId


class Generate(msgspec.Struct, frozen=True, tag=True):
    """Write a reply. Answered by PromptProgress*, Delta*, then Finished or Failed.

    Attributes:
        turns: the conversation, a system turn first if there is one; the last is the person's.
        max_tokens: 0 means until the model ends its reply or the context is full.
        stop: strings that end the reply; they are not part of it.
    """

    id: RequestId
    turns: list[Turn]
    sampling: Sampling
    max_tokens: int = 0
    stop: list[str] = []


class CountTokens(msgspec.Struct, frozen=True, tag=True):
    """How many tokens the loaded model makes of a text. Answered by TokenCount or Failed."""

    id: RequestId
    text: str


class Cancel(msgspec.Struct, frozen=True, tag=True):
    """Stop the load or the generation `target` as soon as possible; what was asked for then ends in the usual way."""

    target: RequestId


class Shutdown(msgspec.Struct, frozen=True, tag=True):
    """End the process."""


Request = Load | Unload | Generate | CountTokens | Cancel | Shutdown


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


class Delta(msgspec.Struct, frozen=True, tag=True):
    """More text of the reply. `n_tokens` were generated since the last Delta; `n_past` are now in the context."""

    id: RequestId
    text: str
    n_tokens: int
    n_past: int


class FinishReason(StrEnum):
    """Why a reply ended."""

    END = "end"  # the model ended it
    STOP_STRING = "stop_string"
    LENGTH = "length"  # max_tokens
    CONTEXT_FULL = "context_full"
    CANCELLED = "cancelled"


class Finished(msgspec.Struct, frozen=True, tag=True):
    """The reply is whole. `n_past` tokens are in the context of `n_ctx`."""

    id: RequestId
    reason: FinishReason
    stats: ReplyStats
    n_past: int
    n_ctx: int


class TokenCount(msgspec.Struct, frozen=True, tag=True):
    """Answer to CountTokens."""

    id: RequestId
    n_tokens: int


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The request ended in a trouble; the engine goes on."""

    id: RequestId
    problem: Problem


Event = Hello | LoadProgress | Loaded | Unloaded | PromptProgress | Delta | Finished | TokenCount | Failed


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
