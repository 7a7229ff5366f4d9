"""How much memory a model needs, and whether that is there, before it is tried.

The formula of the compute buffer was fitted to what llama.cpp reports for six shapes of 2 to 80 layers, micro-batches
of 32 to 512 and contexts of 512 to 16,384 tokens: mostly exact to 1 %, 10 % off at worst (20 % for a toy).
What the rest of the engine's process takes was measured.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from llamadesk.core.devices import shares_main_memory
from llamadesk.core.errors import Problem, ProblemCode
from llamadesk.core.models import ModelFacts
from llamadesk.core.protocol import Device, DeviceMemory, KvType, LoadSettings
from llamadesk.core.sizes import bytes_text

SHORTEST_CONTEXT: Final = 512
"""Tokens; a shorter context is of no use to anybody."""
N_OUTPUTS: Final = 16
"""Tokens of a batch whose successors the engine can ask for at once (speculation)."""

_KV_BLOCKS: Final = {KvType.F16: (1, 2), KvType.Q8_0: (32, 34), KvType.Q4_0: (32, 18)}
"""Elements in a block of the KV cache, and its bytes."""
_N_CTX_STEP: Final = 256  # llama.cpp rounds a context up to this
_USUAL_CONTEXT: Final = 8192
_PAGE_BYTES: Final = 4096
_TOKENS_PER_NEW_ONE: Final = 4  # in a text, about every fourth token is one that has not been there before
_PROCESS_BYTES: Final = 16_000_000  # Python, the libraries, llama.cpp's own bookkeeping
_BYTES_PER_VOCABULARY_TOKEN: Final = 400
_DRIVER_BYTES: Final = 128_000_000  # what a graphics driver keeps in main memory: assumed, until a load has shown it
_REPACKED_BY_X86: Final = frozenset({"Q4_0", "IQ4_NL", "Q2_K", "Q2_K_S", "Q4_K_S", "Q4_K_M", "MXFP4"})
_REPACKED_BY_ARM: Final = frozenset(
    {"Q4_0", "IQ4_NL", "Q4_K_S", "Q4_K_M", "Q5_K_S", "Q5_K_M", "Q6_K", "Q8_0", "MXFP4"},
)
_X86_FEATURE: Final = "AVX2"
_ARM_FEATURE: Final = "DOTPROD"

_COMFORT_BYTES: Final = 1_500_000_000
_COMFORT_SHARE: Final = 0.15
_GPU_MARGIN_BYTES: Final = 500_000_000
_GPU_MARGIN_SHARE: Final = 0.05
_BELIEVED: Final = (0.8, 1.5)
"""A measured figure that is further from the formula was of something else (other programs, a driver's cache)."""


class MemoryNeed(msgspec.Struct, frozen=True):
    """What a loaded model takes.

    Attributes:
        ram_bytes: main memory that must be there for the model to work: the highest that the engine's process has of
            its own while the model is loaded and its context filled, and the pages of files that a reply touches.
        vram_bytes: memory of the graphics cards; on a GPU without memory of its own it is main memory, on top.
        reclaimable_bytes: what system monitors may count on top while and after it is loaded: pages of the mapped file
            whose contents were rearranged into a copy. The system takes them back when it needs them.
        gpus: `vram_bytes` by device, in the order in which they were given; where none were, one without a name.
        main: of `ram_bytes`, what the model takes itself.
    """

    ram_bytes: int
    vram_bytes: int
    reclaimable_bytes: int = 0
    gpus: tuple[DeviceMemory, ...] = ()
    main: DeviceMemory = DeviceMemory("", 0, 0, 0)


class LoadRecord(msgspec.Struct, frozen=True):
    """What really happened when a model was loaded with certain settings.

    Attributes:
        peak_bytes: main memory that the process held at most during the load; 0 is unknown.
        accelerator_bytes: memory of GPUs that the load took; 0 is unknown, or none.
        load_seconds: how long it took.
        tokens_per_second: of the last whole reply; 0.0 until there is one.
        n_gpu_layers: the layers that were on GPUs; None is unknown.
    """

    peak_bytes: int = 0
    accelerator_bytes: int = 0
    load_seconds: float = 0.0
    tokens_per_second: float = 0.0
    n_gpu_layers: int | None = None


class FreeMemory(msgspec.Struct, frozen=True):
    """The memory that a load can have, with what the model of before gives back counted as free.

    Attributes:
        ram_free: bytes that programs can have without others being pushed out; `ram_total` is all there is.
        gpus: the devices that layers can be put on.
    """

    ram_free: int
    ram_total: int
    gpus: tuple[Device, ...] = ()


class Verdict(StrEnum):
    """How a need and the free memory go together, in the words that people are told."""

    COMFORTABLE = "comfortable"
    TIGHT = "tight"  # it works, but little else will
    TOO_BIG = "too big"


# --- What is needed ---------------------------------------------------------------------------------------------------


def kv_bytes(facts: ModelFacts, n_ctx: int, kv_type: KvType, v_type: KvType | None = None) -> int:
    """Size of the KV cache for `n_ctx` tokens in bytes; `v_type` where V is stored in another way than K."""
    n_cells = -(-n_ctx // _N_CTX_STEP) * _N_CTX_STEP
    n_heads = facts.n_layers * n_cells * facts.n_head_kv
    return _stored(n_heads * facts.d_head_k, kv_type) + _stored(n_heads * facts.d_head_v, v_type or kv_type)


def _stored(n_elements: int, kv_type: KvType) -> int:
    block_elements, block_bytes = _KV_BLOCKS[kv_type]
    return n_elements * block_bytes // block_elements


def compute_bytes(facts: ModelFacts, n_ctx: int, n_ubatch: int, flash_attention: bool) -> int:
    """Size of the compute buffer in bytes: the larger of what the feed-forward part and, where it is not fused, the
    attention of a micro-batch hold at a time. (The output layer would be the largest for small models, but the engine
    asks for the output of few tokens only.)"""
    n_embd_kv = facts.n_head_kv * facts.d_head_k
    feed_forward = 3 * facts.n_ff + 4 * facts.n_embd
    attention = 0 if flash_attention else (facts.n_head + 1) * n_ctx + 5 * facts.n_embd + 2 * n_embd_kv
    mask_bytes = 2 * n_ctx * n_ubatch  # f16; as f32 it is counted with the attention
    return max(4 * n_ubatch * feed_forward + mask_bytes, 4 * n_ubatch * attention)


def memory_need(
    facts: ModelFacts,
    settings: LoadSettings,
    gpus: Sequence[Device] = (),
    *,
    adapter_bytes: int = 0,
    cpu_features: Collection[str] = (_X86_FEATURE,),
) -> MemoryNeed:
    """What a model needs when it is loaded with `settings`; everything that is not offloaded is in main memory.

    Args:
        facts, settings: the model and how it is to be loaded.
        gpus: what its layers can be put on. Without any, what goes to "the GPU" is counted as one.
        adapter_bytes: the sizes of the LoRA adapters' files, together.
        cpu_features: what llama.cpp uses of the processor, as Hello lists it.
    """
    n_ctx = settings.n_ctx or facts.n_ctx_train
    # a quantized V needs flash attention
    v_type = settings.kv_type if settings.flash_attention else KvType.F16
    kv = kv_bytes(facts, n_ctx, settings.kv_type, v_type)
    compute = compute_bytes(facts, n_ctx, settings.n_ubatch, settings.flash_attention)
    n_offloaded = offloaded_layers(facts, settings.n_gpu_layers)
    on_gpu = max(n_offloaded - 1, 0) / facts.n_layers  # share of the repeating layers
    shares = _layers_by_gpu(n_offloaded, settings.tensor_split, gpus)
    output = output_layer_bytes(facts)
    on_gpus = []
    for index, (n_layers, has_output) in enumerate(shares):
        n_repeating = n_layers - has_output
        part = n_repeating / facts.n_layers
        weights = int(part * (facts.repeating_bytes + adapter_bytes)) + has_output * output
        name = gpus[index].name if gpus else ""
        on_gpus.append(DeviceMemory(name, weights, int(part * kv), compute if n_layers else 0))
    in_ram = facts.repeating_bytes * (1 - on_gpu) + adapter_bytes * (1 - on_gpu) + (0 if n_offloaded else output)
    if n_offloaded or not _output_is_embedding(facts):
        in_ram += _embedding_held(facts, n_ctx, settings.use_mmap)  # it stays in main memory in any case
    process = _PROCESS_BYTES + _BYTES_PER_VOCABULARY_TOKEN * facts.n_vocab + 4 * N_OUTPUTS * facts.n_vocab
    if n_offloaded:
        process += _DRIVER_BYTES
    main = DeviceMemory(
        "",
        weights=int(in_ram),
        kv=int(kv * (1 - on_gpu)),
        compute=compute if on_gpu < 1 else 4 * settings.n_ubatch * facts.n_embd,  # the embeddings' rows
    )
    if on_gpu < 1:
        process += _work_bytes(facts, n_ctx, settings)
    doubled = settings.use_mmap and is_repacked(facts, cpu_features)
    return MemoryNeed(
        ram_bytes=device_bytes(main) + process,
        vram_bytes=sum(device_bytes(each) for each in on_gpus),
        reclaimable_bytes=main.weights if doubled else 0,
        gpus=tuple(each for each in on_gpus if device_bytes(each)),
        main=main,
    )


def device_bytes(memory: DeviceMemory) -> int:
    """All that is taken on one device."""
    return memory.weights + memory.kv + memory.compute


def is_repacked(facts: ModelFacts, cpu_features: Collection[str]) -> bool:
    """Whether llama.cpp rearranges the weights for such a processor: a mapped file is held twice then."""
    by_x86 = _X86_FEATURE in cpu_features and facts.quantization in _REPACKED_BY_X86
    return by_x86 or (_ARM_FEATURE in cpu_features and facts.quantization in _REPACKED_BY_ARM)


def offloaded_layers(facts: ModelFacts, n_gpu_layers: int) -> int:
    """How many layers go to GPUs, the output layer, which is the first to go, among them; < 0 is all."""
    every = facts.n_layers + 1
    return every if n_gpu_layers < 0 else min(n_gpu_layers, every)


def default_context(facts: ModelFacts) -> int:
    """The context length in tokens that a model is loaded with where the person chose none; see `usual_context`."""
    return usual_context(facts.n_ctx_train)


def usual_context(n_ctx_train: int) -> int:
    """What a model was trained for, within reason, in tokens."""
    return min(_USUAL_CONTEXT, n_ctx_train)


def corrected(need: MemoryNeed, record: LoadRecord | None, compute: int) -> MemoryNeed:
    """A need by what was measured when the same settings were loaded before.

    Args:
        need: by the formula.
        record: what was measured; None where nothing was.
        compute: bytes of the compute buffer, which a load alone does not touch yet.
    """
    if record is None:
        return need
    ram, vram = need.ram_bytes, need.vram_bytes
    if record.peak_bytes:
        ram = _believed(record.peak_bytes - need.reclaimable_bytes + compute, ram)
    if record.accelerator_bytes:
        vram = _believed(record.accelerator_bytes, vram)
    factor = vram / need.vram_bytes if need.vram_bytes else 1.0
    gpus = tuple(DeviceMemory(g.device, *(int(n * factor) for n in (g.weights, g.kv, g.compute))) for g in need.gpus)
    return MemoryNeed(ram, vram, need.reclaimable_bytes, gpus, need.main)


def checked(need: MemoryNeed, estimated: Sequence[DeviceMemory]) -> MemoryNeed:
    """A need by llama.cpp's own reckoning (`Estimated.devices`), where there is one: it knows the kinds of attention
    and the drivers that the formula does not."""
    main = next((each for each in estimated if not each.device), None)
    if main is None:
        return need
    more = main.kv - need.main.kv + main.compute - need.main.compute
    gpus = tuple(each for each in estimated if each.device)
    return MemoryNeed(
        ram_bytes=max(0, need.ram_bytes + more),
        vram_bytes=sum(device_bytes(each) for each in gpus),
        reclaimable_bytes=need.reclaimable_bytes,
        gpus=gpus,
        main=DeviceMemory("", need.main.weights, main.kv, main.compute),
    )


def _believed(measured: int, computed: int) -> int:
    lowest, highest = _BELIEVED
    return measured if lowest * computed <= measured <= highest * computed else computed


def _layers_by_gpu(n_offloaded: int, split: Sequence[float], gpus: Sequence[Device]) -> list[tuple[int, bool]]:
    """For each GPU the number of its layers, and whether the output layer is among them: as llama.cpp shares them out,
    by `split` or by free memory. One GPU is assumed where none is given."""
    shares = list(split[: len(gpus)]) + [0.0] * (len(gpus) - len(split))
    if not any(shares):
        shares = [float(gpu.memory_free) for gpu in gpus]
    if not any(shares):
        shares = [1.0] * max(len(gpus), 1)
    ends = [end / sum(shares) for end in itertools.accumulate(shares)]
    of_layers = [
        next((gpu for gpu, end in enumerate(ends) if layer / n_offloaded < end), len(ends) - 1)
        for layer in range(n_offloaded)
    ]
    return [(of_layers.count(gpu), bool(of_layers) and of_layers[-1] == gpu) for gpu in range(len(ends))]


def _work_bytes(facts: ModelFacts, n_ctx: int, settings: LoadSettings) -> int:
    """What the processor copies the second factor of a product into, in the form that the first one needs: at most the
    attention of a micro-batch as f16, or where that is fused, what the feed-forward part multiplies, as 8 bits."""
    attention = 0 if settings.flash_attention else 2 * n_ctx * facts.n_head
    return settings.n_ubatch * max(attention, facts.n_ff * 34 // 32)


def _embedding_held(facts: ModelFacts, n_ctx: int, mapped: bool) -> int:
    """Bytes of the embedding that replies touch: of a mapped file only the rows of tokens that were there."""
    whole = _embedding_bytes(facts)
    if not mapped or not facts.n_vocab:
        return whole
    row = max(whole // facts.n_vocab, _PAGE_BYTES)
    return min(whole, n_ctx // _TOKENS_PER_NEW_ONE * row)


def _embedding_bytes(facts: ModelFacts) -> int:
    return facts.tensor_bytes - facts.repeating_bytes - facts.output_bytes


def output_layer_bytes(facts: ModelFacts) -> int:
    """Bytes of what goes to a GPU with the output layer; where the embedding serves as that too, a copy of it."""
    return facts.output_bytes + (_embedding_bytes(facts) if _output_is_embedding(facts) else 0)


def _output_is_embedding(facts: ModelFacts) -> bool:
    """Whether the model has no output matrix of its own: what lies there then is a norm alone."""
    return facts.output_bytes * 8 < _embedding_bytes(facts)


# --- Whether it is there ----------------------------------------------------------------------------------------------


def judge(need: MemoryNeed, free: FreeMemory) -> Verdict:
    """How a model goes into the memory that is there, where it is scarcest."""
    shared = sum(device_bytes(each) for each in need.gpus if _is_shared(each, free))
    verdicts = [_judge(need.ram_bytes + shared, free.ram_free, free.ram_total)]
    for each in need.gpus:
        gpu = _gpu_named(each.device, free)
        if gpu is not None:
            verdicts.append(_judge(device_bytes(each), gpu.memory_free, gpu.memory_total))
    return max(verdicts, key=list(Verdict).index)


def auto_layers(facts: ModelFacts, settings: LoadSettings, free: FreeMemory, *, adapter_bytes: int = 0) -> int:
    """The most layers that fit on the GPUs of `free` with a margin, were they loaded as `settings` say otherwise."""
    if not free.gpus:
        return 0
    for n_layers in range(facts.n_layers + 1, 0, -1):
        tried = msgspec.structs.replace(settings, n_gpu_layers=n_layers)
        if _leaves_margin(memory_need(facts, tried, free.gpus, adapter_bytes=adapter_bytes), free):
            return n_layers
    return 0


def too_large(facts: ModelFacts, settings: LoadSettings, need: MemoryNeed, free: FreeMemory) -> Problem | None:
    """MODEL_TOO_LARGE, with the figures and a way out, where a model does not fit; None where it does."""
    if judge(need, free) is not Verdict.TOO_BIG:
        return None
    shared = sum(device_bytes(each) for each in need.gpus if _is_shared(each, free))
    ram = need.ram_bytes + shared
    if ram > free.ram_free:
        title = f"This model needs about {bytes_text(ram)} of memory, and {bytes_text(free.ram_free)} are free."
        advice = _advice(facts, settings, free)
    else:
        vram = sum(gpu.memory_free for gpu in free.gpus)
        title = (
            f"This model needs about {bytes_text(need.vram_bytes)} on the graphics card, "
            f"and {bytes_text(vram)} are free there."
        )
        advice = "Put fewer layers on the GPU, choose a shorter context, or a smaller quantization of the model."
    return Problem(ProblemCode.MODEL_TOO_LARGE, title, advice, detail=f"{need} for {settings}")


def longest_context(facts: ModelFacts, settings: LoadSettings, free: FreeMemory) -> int | None:
    """The context length, of those half as long as that of `settings`, a quarter and so on, that fits; None where not
    even the shortest does."""
    n_ctx = (settings.n_ctx or facts.n_ctx_train) // 2
    while n_ctx >= SHORTEST_CONTEXT:
        need = memory_need(facts, msgspec.structs.replace(settings, n_ctx=n_ctx), free.gpus)
        if judge(need, free) is not Verdict.TOO_BIG:
            return n_ctx
        n_ctx //= 2
    return None


def _advice(facts: ModelFacts, settings: LoadSettings, free: FreeMemory) -> str:
    n_ctx = longest_context(facts, settings, free)
    if n_ctx is not None:
        return f"With a context length of {n_ctx:,} tokens it fits; or close other programs."
    return "Choose a smaller quantization of it (such as Q4_0) or a smaller model, or close other programs."


def _judge(needed: int, free: int, total: int) -> Verdict:
    if needed > free:
        return Verdict.TOO_BIG
    comfort = min(_COMFORT_BYTES, _COMFORT_SHARE * total)
    return Verdict.COMFORTABLE if free - needed >= comfort else Verdict.TIGHT


def _leaves_margin(need: MemoryNeed, free: FreeMemory) -> bool:
    shared = 0
    for each in need.gpus:
        gpu = _gpu_named(each.device, free)
        if gpu is None:
            return False
        margin = max(_GPU_MARGIN_BYTES, _GPU_MARGIN_SHARE * gpu.memory_total)
        if device_bytes(each) + margin > gpu.memory_free:
            return False
        shared += device_bytes(each) * shares_main_memory(gpu)
    return not shared or need.ram_bytes + shared + _GPU_MARGIN_BYTES <= free.ram_free


def _is_shared(memory: DeviceMemory, free: FreeMemory) -> bool:
    gpu = _gpu_named(memory.device, free)
    return gpu is not None and shares_main_memory(gpu)


def _gpu_named(name: str, free: FreeMemory) -> Device | None:
    return next((gpu for gpu in free.gpus if gpu.name == name), None)
