"""What a file on a hub would be on this computer: its quantization, its quality and whether it fits, in words.

A header is read for a few files only, so the others of the same model are reckoned from that: they have the same shape,
and weights that are as much larger or smaller as the file is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Final

import msgspec

from llamadesk.core.choosing import Choice, Machine, file_choice, recommended_of
from llamadesk.core.devices import shares_main_memory
from llamadesk.core.family_words import need_text
from llamadesk.core.fit import Verdict, default_context
from llamadesk.core.gguf_sets import whole_name
from llamadesk.core.hub import HubFile, HubFileKind
from llamadesk.core.models import ModelFacts
from llamadesk.core.quality import QUANTIZATION_NAME, quality_rank, quality_words
from llamadesk.core.sizes import bytes_text

_MOST_LOOKED_INTO: Final = 3
_TELLING: Final = ("Q4_K_M", "Q4_0", "Q5_K_M", "Q8_0")
"""Those that most people take: their own headers are read first."""
_VERDICTS: Final[Mapping[Verdict, str]] = {
    Verdict.COMFORTABLE: "Fits comfortably",
    Verdict.TIGHT: "Just fits, with little room for anything else",
    Verdict.TOO_BIG: "Too big for this computer",
}
_OTHERS: Final[Mapping[HubFileKind, str]] = {
    HubFileKind.PROJECTOR: "The part for pictures or sound of a model. LlamaDesk does not use it.",
    HubFileKind.IMPORTANCE: "A table that helps to make quantizations. It is no model.",
}
_KINDRED: Final = {"FP16": "F16", "FP32": "F32"}


class HubFit(msgspec.Struct, frozen=True):
    """Whether a file would fit.

    Attributes:
        verdict: None where that cannot be told yet, or it is no model.
        words: the same for a person, with what is needed.
        n_ctx: the context length in tokens that this is reckoned with; 0 where it is not.
        is_recommended: whether it is the one to take of the repository's only model.
    """

    verdict: Verdict | None
    words: str
    n_ctx: int = 0
    is_recommended: bool = False


def quantization_of(file: HubFile, facts: ModelFacts | None = None) -> str:
    """What its name says that it is quantized as ("Q4_K_M"), else its header; "" where neither does."""
    names = [match[0] for match in QUANTIZATION_NAME.finditer(_stem(file))]
    if names:
        return _KINDRED.get(names[-1].upper(), names[-1].upper())
    return facts.quantization if facts is not None else ""


def quality_of_file(file: HubFile, facts: ModelFacts | None = None) -> str:
    """How much of the model's quality it keeps, in words; "" where that is not known."""
    name = _known_name(file, facts)
    return quality_words(name) if quality_rank(name) else ""


def fits_of(
    files: Iterable[HubFile], facts: Mapping[str, ModelFacts], machine: Machine, wanted_context: int = 0
) -> dict[str, HubFit]:
    """Whether each of a repository's files fits, by its path.

    Args:
        files: of one repository.
        facts: what was read of their headers so far, by path.
        machine: where they would run.
        wanted_context: the context length in tokens that the person chose; 0 is the usual one of each model.
    """
    files = list(files)
    known = [(file, facts[file.path]) for file in files if file.path in facts]
    reckoned = {file.path: _reckoned(file, known, machine, wanted_context) for file in files}
    models = {_model_name(file) for file in files if file.kind is HubFileKind.MODEL}
    choices = [each.choice for each in reckoned.values() if each is not None]
    recommended = recommended_of(choices) if len(models) == 1 else None
    return {file.path: _fit(file, reckoned[file.path], recommended, machine) for file in files}


def first_to_look_into(files: Sequence[HubFile], machine: Machine) -> list[HubFile]:
    """The files whose headers tell most of a repository: one of each model in it, the likeliest to be taken; few."""
    wanted: dict[str, HubFile] = {}
    for file in sorted(files, key=_how_telling):
        if file.kind is HubFileKind.MODEL and file.is_complete and not _is_hopeless(file, machine):
            wanted.setdefault(_model_name(file), file)
    return list(wanted.values())[:_MOST_LOOKED_INTO]


def in_order(files: Iterable[HubFile]) -> list[HubFile]:
    """As people look for them: the models, the smallest first, and then what is none."""
    return sorted(files, key=lambda file: (file.kind is not HubFileKind.MODEL, file.size, file.path))


class _Reckoned(msgspec.Struct, frozen=True):
    """What a file takes, with so much context."""

    choice: Choice
    n_ctx: int


def _reckoned(
    file: HubFile, known: Sequence[tuple[HubFile, ModelFacts]], machine: Machine, wanted_context: int
) -> _Reckoned | None:
    """By its own header, else by that of another quantization of the same model; None where neither was read."""
    if file.kind is not HubFileKind.MODEL or not file.is_complete:
        return None
    own = next((facts for other, facts in known if other.path == file.path), None)
    facts = own or next((_resized(facts, other, file) for other, facts in known if _is_kin(other, file)), None)
    if facts is None:
        return None
    facts = msgspec.structs.replace(facts, quantization=_known_name(file, own))
    n_ctx = min(wanted_context or default_context(facts), facts.n_ctx_train)
    return _Reckoned(file_choice(facts, file.size, machine, n_ctx), n_ctx)


def _fit(file: HubFile, reckoned: _Reckoned | None, recommended: Choice | None, machine: Machine) -> HubFit:
    if file.kind is not HubFileKind.MODEL:
        return HubFit(None, _OTHERS[file.kind])
    if not file.is_complete:
        return HubFit(None, f"Only {len(file.parts)} of its {file.n_parts} parts are on the hub, so it cannot be used.")
    if reckoned is not None:
        choice = reckoned.choice
        words = f"{_VERDICTS[choice.verdict]}: about {need_text(choice.need)}."
        return HubFit(choice.verdict, words, reckoned.n_ctx, choice is recommended)
    if _is_hopeless(file, machine):
        there = f"{bytes_text(file.size)}, and there are {bytes_text(_memory_of(machine))} of memory here"
        return HubFit(Verdict.TOO_BIG, f"{_VERDICTS[Verdict.TOO_BIG]}: the file alone has {there}.")
    return HubFit(None, "Not looked into yet.")


def _resized(facts: ModelFacts, of: HubFile, file: HubFile) -> ModelFacts:
    """The facts of a file of the same model, with its weights by the sizes of the files."""
    factor = file.size / max(of.size, 1)
    return msgspec.structs.replace(
        facts,
        tensor_bytes=int(facts.tensor_bytes * factor),
        repeating_bytes=int(facts.repeating_bytes * factor),
        output_bytes=int(facts.output_bytes * factor),
    )


def _known_name(file: HubFile, facts: ModelFacts | None) -> str:
    """The quantization that it is or that is nearest to it; what its name says where that is none that is known."""
    named = quantization_of(file, facts).rpartition("-")[2]  # without how it was made
    # Q4_K_L and Q4_K_XL are makers' own mixtures, a little more than Q4_K_M
    near = (named, named.replace("_XL", "_M").replace("_L", "_M"), named.rpartition("_")[0])
    names = (facts.quantization, *near) if facts is not None else near
    return next((name for name in names if quality_rank(name)), named)


def _is_kin(one: HubFile, other: HubFile) -> bool:
    return bool(quantization_of(one) and quantization_of(other)) and _model_name(one) == _model_name(other)


def _model_name(file: HubFile) -> str:
    """What the quantizations of one model have in common in their names."""
    return QUANTIZATION_NAME.sub("", _stem(file)).casefold().strip("-_. ")


def _stem(file: HubFile) -> str:
    """The file's name without its suffix and, of a set, the number of the part."""
    name = whole_name(PurePosixPath(file.path))
    return name[: -len(".gguf")] if name.lower().endswith(".gguf") else name


def _how_telling(file: HubFile) -> tuple[int, int, str]:
    name = quantization_of(file)
    place = _TELLING.index(name) if name in _TELLING else len(_TELLING)
    return place, file.n_parts, file.path


def _is_hopeless(file: HubFile, machine: Machine) -> bool:
    """Whether it is larger than all memory of the machine."""
    return file.size > _memory_of(machine)


def _memory_of(machine: Machine) -> int:
    memory = machine.memory
    return memory.ram_total + sum(gpu.memory_total for gpu in memory.gpus if not shares_main_memory(gpu))
