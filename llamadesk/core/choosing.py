"""Which quantization of a model to take, and which model: what each costs here, in figures and in words.

Everything is worked out from facts that are known before a download. Speed is bounded by memory: each new token needs
all weights that work on it once, so bytes a token and bandwidth give tokens a second, until a reply has shown better.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from llamadesk.core.catalogue import CatalogueModel, HubSource
from llamadesk.core.devices import shares_main_memory
from llamadesk.core.fit import (
    FreeMemory,
    MemoryNeed,
    Verdict,
    auto_layers,
    judge,
    kv_bytes,
    memory_need,
    offloaded_layers,
    output_layer_bytes,
)
from llamadesk.core.models import ModelFacts, ModelFile
from llamadesk.core.protocol import Device, KvType, LoadSettings
from llamadesk.core.quality import Quality, quality_of, quality_rank, quality_words
from llamadesk.core.quantize import TARGETS, can_quantize
from llamadesk.core.shapes import active_share, expected_facts, expected_file_bytes
from llamadesk.core.sizes import bytes_text

USUAL_CONTEXT: Final = 4096
"""Tokens: a few pages each way, and what Llama 2 was trained for."""
READING_SPEED: Final = 5.0
"""Tokens a second; most people read a little faster or slower than this."""

_RAM_BANDWIDTH: Final = 30e9  # bytes/s that processors really reach with two channels of DDR4: assumed
_CARD_BANDWIDTH: Final = 250e9  # of a graphics card of the lower middle: assumed
_UNIFIED_BANDWIDTH: Final = 80e9  # of the slower Apple processors: assumed
_UNIFIED_NAMES: Final = ("Metal", "MTL")
_USUAL_DEPTH: Final = 1024  # tokens in a chat, whose keys and values are read for each new one
_SYSTEM_BYTES: Final = 2_500_000_000  # of main memory, for the system and a browser
_SYSTEM_SHARE: Final = 0.2
_DESKTOP_SHARE: Final = 0.06  # of a graphics card's memory

_FLUENT_SPEED: Final = 10.0  # above this, quality is worth more than speed
_SLOWEST_SPEED: Final = 1.5  # below this nobody wants to wait
_MODEST_SHARE: Final = 0.5  # of all memory: other programs want some, and a download ought to end today
_NEARLY_AS_FAST: Final = 0.85
_MUCH_FASTER: Final = 1.8


class Machine(msgspec.Struct, frozen=True):
    """What decides how models run here.

    Attributes:
        memory: what a load can have; for advice before there is any load, see `usual_memory`.
        ram_bandwidth: of main memory, in bytes a second; 0 is unknown.
        gpu_bandwidth: of the graphics cards, in bytes a second; 0 is unknown.
        cpu_features: what llama.cpp uses of the processor, as Hello lists it.
    """

    memory: FreeMemory
    ram_bandwidth: float = 0.0
    gpu_bandwidth: float = 0.0
    cpu_features: tuple[str, ...] = ()


class Choice(msgspec.Struct, frozen=True):
    """One quantization of a model, as a row of the table.

    Attributes:
        quantization: in llama.cpp's words, such as "Q4_K_M".
        size_bytes: of its file, expected where it is not here.
        need: what it takes at the context that was asked for; verdict: how that goes into the memory.
        n_gpu_layers: the layers that would go to GPUs.
        tokens_per_second: expected, or measured where `is_measured`.
        path: its file, where it is here; source: where it can be downloaded from; made_from: a file here that it can
            be made of. Any of them may be None.
    """

    quantization: str
    size_bytes: int
    need: MemoryNeed
    verdict: Verdict
    n_gpu_layers: int
    tokens_per_second: float
    is_measured: bool = False
    path: Path | None = None
    source: HubSource | None = None
    made_from: Path | None = None

    @property
    def quality(self) -> Quality:
        """How much of the model's quality is left."""
        return quality_of(self.quantization)


class FamilyChoices(msgspec.Struct, frozen=True):
    """The table of one model.

    Attributes:
        choices: a row for each quantization, the smallest file first.
        recommended: one of them; None where none fits.
        reason: why that one, or why none.
    """

    choices: tuple[Choice, ...]
    recommended: Choice | None
    reason: str


class Suggestion(msgspec.Struct, frozen=True):
    """A model that suits the machine, with the quantization to take and why."""

    model: CatalogueModel
    choice: Choice
    is_recommended: bool
    reason: str


# --- The machine and its speed ----------------------------------------------------------------------------------------


def usual_memory(ram_total: int, gpus: Sequence[Device] = ()) -> FreeMemory:
    """The memory that a model mostly can have on a machine, whatever happens to run at this moment.

    Args:
        ram_total: bytes of main memory.
        gpus: what layers can be put on.
    """
    free = ram_total - max(_SYSTEM_BYTES, int(_SYSTEM_SHARE * ram_total))
    cleared = (
        gpu
        if shares_main_memory(gpu)
        else msgspec.structs.replace(gpu, memory_free=int((1 - _DESKTOP_SHARE) * gpu.memory_total))
        for gpu in gpus
    )
    return FreeMemory(max(free, 0), ram_total, tuple(cleared))


def expected_speed(bytes_per_token: float, bandwidth: float) -> float:
    """Tokens a second where each needs `bytes_per_token` of a memory with `bandwidth` bytes a second; 0.0 where either
    is unknown."""
    return bandwidth / bytes_per_token if bytes_per_token > 0 and bandwidth > 0 else 0.0


def learned_bandwidth(facts: ModelFacts, tokens_per_second: float, share: float = 1.0) -> float:
    """The bandwidth, in bytes a second, of the memory that a whole model lies in, as its replies have shown it.

    Args:
        facts: the model.
        tokens_per_second: of its replies.
        share: see `llamadesk.core.mixtures.active_share`.
    """
    return max(tokens_per_second, 0.0) * sum(_bytes_per_token(facts, share, USUAL_CONTEXT))


def speed_words(tokens_per_second: float) -> str:
    """How fast that is, for people who do not count tokens: "It writes ..."."""
    if tokens_per_second < _SLOWEST_SPEED:
        return "very slowly"
    if tokens_per_second < READING_SPEED:
        return "slower than most people read"
    return "about as fast as people read" if tokens_per_second < _FLUENT_SPEED else "faster than people read"


def _bytes_per_token(facts: ModelFacts, share: float, n_ctx: int) -> tuple[float, float]:
    """What a new token needs of the layers, and of the output layer."""
    read_of_cache = kv_bytes(facts, min(n_ctx, _USUAL_DEPTH), KvType.F16)
    return facts.repeating_bytes * share + read_of_cache, output_layer_bytes(facts)


def _speed(facts: ModelFacts, share: float, settings: LoadSettings, machine: Machine) -> float:
    layers, output = _bytes_per_token(facts, share, settings.n_ctx)
    n_offloaded = offloaded_layers(facts, settings.n_gpu_layers)
    on_gpu = max(n_offloaded - 1, 0) / facts.n_layers
    parts = (
        (layers * on_gpu + (output if n_offloaded else 0), _gpu_bandwidth(machine)),
        (layers * (1 - on_gpu) + (0 if n_offloaded else output), machine.ram_bandwidth or _RAM_BANDWIDTH),
    )
    return 1 / sum(1 / expected_speed(n_bytes, bandwidth) for n_bytes, bandwidth in parts if n_bytes > 0)


def _gpu_bandwidth(machine: Machine) -> float:
    if machine.gpu_bandwidth:
        return machine.gpu_bandwidth
    gpus = machine.memory.gpus
    if not any(shares_main_memory(gpu) for gpu in gpus):
        return _CARD_BANDWIDTH
    if any(gpu.name.startswith(_UNIFIED_NAMES) for gpu in gpus):
        return _UNIFIED_BANDWIDTH
    return machine.ram_bandwidth or _RAM_BANDWIDTH


# --- One model: its quantizations -------------------------------------------------------------------------------------


def family_choices(
    model: CatalogueModel | None,
    files: Sequence[ModelFile],
    machine: Machine,
    n_ctx: int = USUAL_CONTEXT,
    measured: Mapping[str, float] | None = None,
) -> FamilyChoices:
    """The table of one model: what is here, what can be downloaded, and what can be made of what is here.

    Args:
        model: what the catalogue knows of the family; None where that is nothing.
        files: those of the family that are here.
        machine: what it is to run on.
        n_ctx: the context length in tokens.
        measured: tokens a second of replies that were written here, by quantization.
    """
    reckoner = _Reckoner(machine, n_ctx, active_share(model.shape) if model else 1.0, measured or {})
    choices = [reckoner.choice(file.facts, file.size_bytes, path=file.path) for file in _one_each(files)]
    if model is not None:
        here = {choice.quantization for choice in choices}
        choices += _elsewhere(model, files, here, reckoner)
    choices.sort(key=lambda choice: (choice.size_bytes, quality_rank(choice.quantization)))
    recommended = recommended_of(choices)
    return FamilyChoices(tuple(choices), recommended, _reason(recommended, choices, machine.memory))


def file_choice(
    facts: ModelFacts, size_bytes: int, machine: Machine, n_ctx: int = USUAL_CONTEXT, share: float = 1.0
) -> Choice:
    """The row of one file by its header, such as of one on a hub.

    Args:
        facts: what its header says.
        size_bytes: of the file, all its parts together.
        machine: where it would run.
        n_ctx: the context in tokens, never more than the model was trained for.
        share: see `llamadesk.core.shapes.active_share`.
    """
    return _Reckoner(machine, n_ctx, share, {}).choice(facts, size_bytes)


class _Reckoner(msgspec.Struct, frozen=True):
    """Works out what files take and how fast they are: on one machine, with one context."""

    machine: Machine
    n_ctx: int
    share: float
    measured: Mapping[str, float]

    def choice(
        self,
        facts: ModelFacts,
        size: int,
        *,
        path: Path | None = None,
        source: HubSource | None = None,
        made_from: Path | None = None,
    ) -> Choice:
        """The row of a file with these facts and this size."""
        free = self.machine.memory
        settings = LoadSettings(model_path="", n_ctx=min(self.n_ctx, facts.n_ctx_train))
        settings = msgspec.structs.replace(settings, n_gpu_layers=auto_layers(facts, settings, free))
        need = memory_need(facts, settings, free.gpus, cpu_features=self.machine.cpu_features)
        learned = self.measured.get(facts.quantization, 0.0)
        return Choice(
            quantization=facts.quantization,
            size_bytes=size,
            need=need,
            verdict=judge(need, free),
            n_gpu_layers=settings.n_gpu_layers,
            tokens_per_second=learned or _speed(facts, self.share, settings, self.machine),
            is_measured=learned > 0,
            path=path,
            source=source,
            made_from=made_from,
        )


def _elsewhere(
    model: CatalogueModel, files: Sequence[ModelFile], here: Container[str], reckoner: _Reckoner
) -> Iterator[Choice]:
    """What is not here, and can be downloaded or made."""
    for quantization in TARGETS:
        source, origin = model.source_of(quantization), _origin(files, quantization)
        if quantization not in here and (source or origin):
            facts = expected_facts(model, quantization)
            yield reckoner.choice(facts, expected_file_bytes(facts), source=source, made_from=origin)


def _one_each(files: Sequence[ModelFile]) -> list[ModelFile]:
    """The first file of each quantization."""
    return list({file.facts.quantization: file for file in reversed(files)}.values())


def _origin(files: Sequence[ModelFile], quantization: str) -> Path | None:
    """The file here that this quantization is best made of: one that has lost nothing yet."""
    able = [
        file
        for file in files
        if quality_of(file.facts.quantization) is Quality.ORIGINAL
        and can_quantize(file.facts, TARGETS[quantization]) is None
    ]
    return max(able, key=lambda file: quality_rank(file.facts.quantization)).path if able else None


def recommended_of(choices: Sequence[Choice]) -> Choice | None:
    """Which quantization of a model to take; None where none fits. Good quality goes before comfort, and of what suits
    alike, what is here before what must be got first."""
    for least in (Quality.GOOD, Quality.UNKNOWN):
        for verdict in (Verdict.COMFORTABLE, Verdict.TIGHT):
            suited = [choice for choice in choices if choice.verdict is verdict and choice.quality >= least]
            here = [choice for choice in suited if choice.path is not None]
            if suited:
                return _balanced(here or suited)
    return None


def _balanced(choices: Sequence[Choice]) -> Choice:
    """The best quality that is fluent; where none is, the best that is nearly as fast as the fastest. Above "nearly the
    original" only the files grow."""
    fluent = [
        choice
        for choice in choices
        if choice.tokens_per_second >= _FLUENT_SPEED and choice.quality <= Quality.NEARLY_ORIGINAL
    ]
    fastest = max(choice.tokens_per_second for choice in choices)
    quick = [choice for choice in choices if choice.tokens_per_second >= _NEARLY_AS_FAST * fastest]
    return max(fluent or quick, key=lambda choice: (quality_rank(choice.quantization), choice.tokens_per_second))


def _reason(recommended: Choice | None, choices: Sequence[Choice], free: FreeMemory) -> str:
    if recommended is not None:
        place = "It is on this computer already. " if recommended.path is not None else ""
        return place + _words(recommended)
    if not choices:
        return "No file of this model is known."
    smallest = min(choice.need.ram_bytes + choice.need.vram_bytes for choice in choices)
    there = free.ram_free + sum(gpu.memory_free for gpu in free.gpus if not shares_main_memory(gpu))
    return (
        f"Even the smallest needs about {bytes_text(smallest)} of memory, and {bytes_text(there)} are free. "
        "Choose a smaller model or a shorter context, or close other programs."
    )


def room_and_pace_words(choice: Choice) -> str:
    """How something that fits goes into the memory, and how fast it is: "It ..."."""
    room = "fits comfortably" if choice.verdict is Verdict.COMFORTABLE else "just fits: little else can run beside it,"
    return f"{room} and writes {speed_words(choice.tokens_per_second)}"


def _words(choice: Choice) -> str:
    return f"Quality: {quality_words(choice.quantization)}. It {room_and_pace_words(choice)}."


# --- All models: which suit -------------------------------------------------------------------------------------------


def recommend(models: Sequence[CatalogueModel], machine: Machine, n_ctx: int = USUAL_CONTEXT) -> tuple[Suggestion, ...]:
    """Up to three models that suit a machine: the recommended one, then a faster one and a stronger one, where there
    are such. The recommended one takes no more than half of the memory, if it can be.

    Nothing is suggested that has no source, keeps too little of its quality, or does not fit; and what just fits, only
    where nothing fits comfortably.
    """
    tables = [(model, _suggestable(model, machine, n_ctx)) for model in models if model.strength]
    for verdict in (Verdict.COMFORTABLE, Verdict.TIGHT):
        fitting = [(model, [each for each in choices if each.verdict is verdict]) for model, choices in tables]
        suited = [(model, choices) for model, choices in fitting if choices]
        if suited:
            return _suggestions(suited, _MODEST_SHARE * _all_memory(machine.memory))
    return ()


def _all_memory(memory: FreeMemory) -> int:
    """Bytes of main memory and of graphics cards that have their own."""
    return memory.ram_total + sum(gpu.memory_total for gpu in memory.gpus if not shares_main_memory(gpu))


def _suggestable(model: CatalogueModel, machine: Machine, n_ctx: int) -> list[Choice]:
    choices = family_choices(model, (), machine, n_ctx).choices
    return [choice for choice in choices if choice.source is not None and choice.quality >= Quality.GOOD]


def _suggestions(suited: Sequence[tuple[CatalogueModel, list[Choice]]], modest_bytes: float) -> tuple[Suggestion, ...]:
    """What is suggested of models with the quantizations that suit; the recommended one takes at most `modest_bytes`
    where one does."""
    offers = [(model, _balanced(choices)) for model, choices in suited]
    modest = [offer for offer in offers if offer[1].need.ram_bytes + offer[1].need.vram_bytes <= modest_bytes]
    readable = [offer for offer in modest or offers if offer[1].tokens_per_second >= READING_SPEED]
    if readable:
        best, praise = max(readable, key=_strength), "The best answers that this computer writes at a good pace."
    else:
        best, praise = max(modest or offers, key=lambda offer: offer[1].tokens_per_second), "The fastest here."
    strength, speed = _strength(best)
    faster = [
        (model, _balanced(quick))
        for model, choices in suited
        if model.strength < strength
        and (quick := [choice for choice in choices if choice.tokens_per_second >= _MUCH_FASTER * speed])
    ]
    stronger = [
        offer for offer in offers if offer[0].strength > strength and offer[1].tokens_per_second >= _SLOWEST_SPEED
    ]
    found = [(best, True, praise)]
    found += [(max(faster, key=_strength), False, "Faster, with simpler answers.")] if faster else []
    if stronger:
        strongest = max(stronger, key=_strength)
        price = "slower" if strongest[1].tokens_per_second < speed else "a long download and much of the memory"
        found.append((strongest, False, f"Better answers, but {price}."))
    return tuple(
        Suggestion(model, choice, is_recommended, f"{words} {_words(choice)}")
        for (model, choice), is_recommended, words in found
    )


def _strength(offer: tuple[CatalogueModel, Choice]) -> tuple[int, float]:
    return offer[0].strength, offer[1].tokens_per_second
