"""The values that requests and events are made of."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from llamadesk.core.chat import MessageId, Mode, Overflow, Role

RequestId = int
FORBIDDEN: Final = -1e9
"""A bias that no other one and no likelihood makes up for. JSON, which the pipe speaks, has no infinity."""


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
        joined: of the other messages it was made of.
        thought: what came before `content`. Only given where the reply goes on from its end (`Prompt.continues`).
    """

    role: Role
    content: str
    message_id: MessageId = MessageId(0)
    pinned: bool = False
    joined: tuple[MessageId, ...] = ()
    thought: str = ""

    @property
    def message_ids(self) -> tuple[MessageId, ...]:
        """Of every message it was made of, in order."""
        return (self.message_id, *self.joined) if self.message_id else self.joined


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
        logit_bias: (text, what is added to the logit of each of its tokens); FORBIDDEN is never chosen.
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


class FinishReason(StrEnum):
    """Why a reply ended."""

    END = "end"  # the model ended it
    STOP_STRING = "stop_string"
    LENGTH = "length"  # max_tokens
    CONTEXT_FULL = "context_full"
    CANCELLED = "cancelled"


class Trial(msgspec.Struct, frozen=True):
    """One way of computing that a Tune has measured.

    Attributes:
        n_threads, n_ubatch, flash_attention, kv_type: what was tried; see LoadSettings.
        prefill_speed: tokens read per second; 0.0 where writing was so slow that it was not measured any more.
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


class PromptPiece(msgspec.Struct, frozen=True):
    """A piece of a prompt: text, or a control token by its name."""

    text: str
    is_control: bool
    n_tokens: int


class DeviceMemory(msgspec.Struct, frozen=True):
    """What a load would take on one device, in bytes. `device` is its name in Hello; "" is main memory."""

    device: str
    weights: int
    kv: int
    compute: int
