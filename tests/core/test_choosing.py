"""Which quantization is recommended, and which models, on small and large machines."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from llamadesk.core.catalogue import CatalogueModel
from llamadesk.core.choosing import (
    FamilyChoices,
    Machine,
    Suggestion,
    expected_speed,
    family_choices,
    learned_bandwidth,
    recommend,
    speed_words,
    usual_memory,
)
from llamadesk.core.fit import FreeMemory, Verdict
from llamadesk.core.ggml_types import FILE_TYPES
from llamadesk.core.models import ModelFile
from llamadesk.core.paths import resources_dir
from llamadesk.core.protocol import Device, DeviceKind
from llamadesk.core.quality import Quality, quality_of, quality_rank, quality_words
from llamadesk.core.shapes import expected_facts, expected_file_bytes
from llamadesk.library.catalogue import load_catalogue

GB = 10**9


@pytest.fixture(scope="module")
def models() -> tuple[CatalogueModel, ...]:
    return load_catalogue(resources_dir() / "catalogue").models


@pytest.fixture(scope="module")
def llama_2_7b(models: tuple[CatalogueModel, ...]) -> CatalogueModel:
    return next(model for model in models if model.id == "llama-2-7b-chat")


def machine(ram: int, *gpus: Device) -> Machine:
    """With so many GB of memory, as it is mostly free."""
    return Machine(usual_memory(ram * GB, gpus))


def card(vram: int) -> Device:
    return Device("CUDA0", "A card", DeviceKind.GPU, vram * GB, vram * GB)


def unified(free: int) -> Device:
    return Device("MTL0", "Apple M1", DeviceKind.GPU, free * GB, free * GB)


def file_of(model: CatalogueModel, quantization: str) -> ModelFile:
    """A file as the scan finds it. Of F16 it is known that it takes 32/17 of what Q8_0 does."""
    facts = expected_facts(model, "Q8_0" if quantization == "F16" else quantization)
    if quantization == "F16":
        sizes = {name: getattr(facts, name) * 32 // 17 for name in ("tensor_bytes", "repeating_bytes", "output_bytes")}
        facts = msgspec.structs.replace(facts, quantization="F16", **sizes)
    path = Path(f"/models/{model.id}.{quantization}.gguf")
    return ModelFile(path, model.family, expected_file_bytes(facts), 1, facts)


# --- Words and figures ------------------------------------------------------------------------------------------------


def test_every_quantization_has_a_quality() -> None:
    for name in FILE_TYPES.values():
        assert quality_of(name) is not Quality.UNKNOWN, name
        assert quality_words(name) == quality_words(name.lower()) != quality_words("Q9_9")
    assert quality_of("Q9_9") is Quality.UNKNOWN
    assert quality_rank("Q9_9") == 0


def test_more_bits_keep_more() -> None:
    order = ["Q2_K", "Q3_K_S", "Q3_K_M", "Q3_K_L", "Q4_0", "Q4_K_S", "Q4_K_M", "Q5_0", "Q5_K_M", "Q6_K", "Q8_0", "F16"]
    for less, more in pairwise(order):
        assert quality_rank(less) < quality_rank(more)
        assert quality_of(less) <= quality_of(more)


def test_speed_is_bandwidth_by_bytes() -> None:
    assert expected_speed(4e9, 40e9) == 10
    assert expected_speed(0, 40e9) == expected_speed(4e9, 0) == 0


def test_a_reply_shows_the_bandwidth(llama_2_7b: CatalogueModel) -> None:
    facts = expected_facts(llama_2_7b, "Q4_0")
    bandwidth = learned_bandwidth(facts, 10)
    assert 38e9 < bandwidth < 46e9  # ten times the weights and what is read of the chat
    shown = Machine(usual_memory(64 * GB), ram_bandwidth=bandwidth)
    rows = {choice.quantization: choice for choice in family_choices(llama_2_7b, (), shown).choices}
    assert rows["Q4_0"].tokens_per_second == pytest.approx(10)
    assert rows["Q8_0"].tokens_per_second < 6.5


def test_speed_in_words() -> None:
    words = [speed_words(speed) for speed in (0.5, 3, 7, 40)]
    assert len(set(words)) == 4
    assert words[2] == "about as fast as people read"


def test_some_memory_is_left_to_the_system() -> None:
    assert usual_memory(8 * GB).ram_free == 5_500_000_000
    assert usual_memory(64 * GB).ram_free < 52 * GB
    assert usual_memory(2 * GB).ram_free == 0
    memory = usual_memory(16 * GB, (card(8), unified(10)))
    assert [gpu.memory_free for gpu in memory.gpus] == [7_520_000_000, 10 * GB]


# --- One model --------------------------------------------------------------------------------------------------------


def verdicts(table: FamilyChoices) -> dict[str, Verdict]:
    return {choice.quantization: choice.verdict for choice in table.choices}


def test_a_row_for_each_quantization_the_smallest_first(llama_2_7b: CatalogueModel) -> None:
    table = family_choices(llama_2_7b, (), machine(8))
    assert {choice.quantization for choice in table.choices} == set(llama_2_7b.downloadable)
    sizes = [choice.size_bytes for choice in table.choices]
    assert sizes == sorted(sizes)
    speeds = [choice.tokens_per_second for choice in table.choices]
    assert speeds == sorted(speeds, reverse=True)
    assert all(choice.source == llama_2_7b.sources[0] and choice.path is None for choice in table.choices)


def test_what_is_too_big_depends_on_memory_and_context(llama_2_7b: CatalogueModel) -> None:
    small = verdicts(family_choices(llama_2_7b, (), machine(8), 512))
    assert small["Q3_K_S"] is Verdict.COMFORTABLE
    assert small["Q8_0"] is Verdict.TOO_BIG
    assert verdicts(family_choices(llama_2_7b, (), machine(8), 4096))["Q4_K_M"] is Verdict.TOO_BIG
    assert set(verdicts(family_choices(llama_2_7b, (), machine(64))).values()) == {Verdict.COMFORTABLE}


def test_the_recommended_one_fits_and_is_good(llama_2_7b: CatalogueModel) -> None:
    table = family_choices(llama_2_7b, (), machine(16))
    assert table.recommended in table.choices
    assert table.recommended is not None
    assert table.recommended.quantization == "Q4_K_M"
    assert table.reason == (
        "Quality: good; a little is lost. It fits comfortably and writes about as fast as people read."
    )


def test_speed_to_spare_goes_into_quality(llama_2_7b: CatalogueModel) -> None:
    fast = msgspec.structs.replace(machine(64), ram_bandwidth=200e9)
    recommended = family_choices(llama_2_7b, (), fast).recommended
    assert recommended is not None
    assert recommended.quantization == "Q6_K"


def test_what_is_here_goes_before_a_download(llama_2_7b: CatalogueModel) -> None:
    here = file_of(llama_2_7b, "Q5_0")
    table = family_choices(llama_2_7b, [here], machine(16))
    assert table.recommended is not None
    assert table.recommended.path == here.path
    assert table.reason.startswith("It is on this computer already.")
    assert [choice.quantization for choice in table.choices].count("Q5_0") == 1


def test_a_download_goes_before_what_is_here_and_does_not_fit(llama_2_7b: CatalogueModel) -> None:
    table = family_choices(llama_2_7b, [file_of(llama_2_7b, "Q8_0")], machine(8), 1024)
    assert table.recommended is not None
    assert table.recommended.path is None
    assert table.recommended.verdict is not Verdict.TOO_BIG


def test_smaller_ones_can_be_made_of_what_is_here(models: tuple[CatalogueModel, ...]) -> None:
    model = next(model for model in models if model.id == "phi-3.5-mini-instruct")
    f16, q8_0, q4_k_m = (file_of(model, quantization) for quantization in ("F16", "Q8_0", "Q4_K_M"))
    made = {choice.quantization: choice for choice in family_choices(model, [q4_k_m, q8_0, f16], machine(64)).choices}
    assert made["Q5_0"].made_from == f16.path
    assert made["Q5_0"].source is None
    assert made["Q6_K"].source is not None
    assert made["Q8_0"].made_from is None
    of_q8_0 = {choice.quantization: choice for choice in family_choices(model, [q8_0], machine(64)).choices}
    assert of_q8_0["Q5_0"].made_from == q8_0.path
    assert "Q5_0" not in verdicts(family_choices(model, [q4_k_m], machine(64)))


def test_what_was_measured_goes_before_what_is_expected(llama_2_7b: CatalogueModel) -> None:
    table = family_choices(llama_2_7b, (), machine(16), measured={"Q4_0": 12.5})
    rows = {choice.quantization: choice for choice in table.choices}
    assert (rows["Q4_0"].tokens_per_second, rows["Q4_0"].is_measured) == (12.5, True)
    assert not rows["Q5_0"].is_measured
    assert table.recommended == rows["Q4_0"]


def test_a_family_that_the_catalogue_does_not_know(llama_2_7b: CatalogueModel) -> None:
    files = [file_of(llama_2_7b, quantization) for quantization in ("Q4_0", "Q8_0")]
    table = family_choices(None, files, machine(16))
    assert [choice.path for choice in table.choices] == [file.path for file in files]
    assert table.recommended == table.choices[0]


def test_a_card_takes_what_fits_on_it(llama_2_7b: CatalogueModel) -> None:
    alone, beside = (family_choices(llama_2_7b, (), each) for each in (machine(16), machine(16, card(8))))
    rows = {choice.quantization: choice for choice in beside.choices}
    assert rows["Q4_K_M"].n_gpu_layers == 33
    assert 0 < rows["Q8_0"].n_gpu_layers < 33
    assert rows["Q4_K_M"].tokens_per_second > 5 * alone.choices[0].tokens_per_second
    assert rows["Q8_0"].tokens_per_second < rows["Q4_K_M"].tokens_per_second / 2


def test_where_nothing_fits_it_says_so(llama_2_7b: CatalogueModel) -> None:
    table = family_choices(llama_2_7b, (), Machine(FreeMemory(2 * GB, 4 * GB)))
    assert table.recommended is None
    assert "2.0 GB are free" in table.reason
    assert family_choices(None, (), machine(16)) == FamilyChoices((), None, "No file of this model is known.")


# --- All models -------------------------------------------------------------------------------------------------------


def checked(suggestions: tuple[Suggestion, ...]) -> Suggestion:
    """The recommended one, after a look at all."""
    assert 2 <= len(suggestions) <= 3
    assert [suggestion.is_recommended for suggestion in suggestions] == [True] + [False] * (len(suggestions) - 1)
    assert len({suggestion.model.id for suggestion in suggestions}) == len(suggestions)
    for suggestion in suggestions:
        assert suggestion.choice.verdict is Verdict.COMFORTABLE
        assert suggestion.choice.quality >= Quality.GOOD
        assert suggestion.choice.source in suggestion.model.sources
        assert suggestion.reason.endswith(".")
    best = suggestions[0]
    for other in suggestions[1:]:
        is_stronger = other.model.strength > best.model.strength
        is_slower = other.choice.tokens_per_second < best.choice.tokens_per_second
        assert is_stronger == (is_slower or other.choice.size_bytes > best.choice.size_bytes)
    return best


@pytest.mark.parametrize(
    ("here", "id_"),
    [
        (machine(4), "smollm2-360m-instruct"),
        (machine(8), "qwen3-4b"),
        (machine(16), "qwen3-8b"),
        (machine(64), "qwen3-30b-a3b-instruct-2507"),
        (machine(16, card(8)), "qwen3-8b"),
        (machine(32, card(12)), "qwen3-14b"),
        (machine(64, card(24)), "qwen3-30b-a3b-instruct-2507"),
        (machine(24), "qwen3-8b"),
        (machine(16, unified(11)), "qwen3-8b"),
    ],
    ids=["4", "8", "16", "64", "16+8", "32+12", "64+24", "24", "apple 16"],
)
def test_what_suits_a_machine(here: Machine, id_: str, models: tuple[CatalogueModel, ...]) -> None:
    best = checked(recommend(models, here))
    assert best.model.id == id_
    assert best.choice.tokens_per_second >= 5


def test_the_recommended_one_leaves_room_for_other_programs(models: tuple[CatalogueModel, ...]) -> None:
    suggestions = recommend(models, machine(24))
    assert suggestions[0].choice.need.ram_bytes <= 12 * GB
    assert max(each.choice.need.ram_bytes for each in suggestions[1:]) > 12 * GB, "who wants the whole, finds it"


def test_a_slow_machine_gets_a_smaller_model(models: tuple[CatalogueModel, ...]) -> None:
    slow = msgspec.structs.replace(machine(64), ram_bandwidth=5e9)
    quick = recommend(models, machine(64))[0]
    best = checked(recommend(models, slow))
    assert best.model.strength < quick.model.strength


def test_nothing_is_suggested_where_nothing_fits(models: tuple[CatalogueModel, ...]) -> None:
    assert recommend(models, Machine(FreeMemory(50_000_000, GB))) == ()
    assert recommend((), machine(16)) == ()


def test_what_just_fits_is_suggested_where_nothing_is_comfortable(llama_2_7b: CatalogueModel) -> None:
    (only,) = recommend([llama_2_7b], Machine(FreeMemory(int(6.6 * GB), 8 * GB)))
    assert only.choice.verdict is Verdict.TIGHT
    assert "just fits" in only.reason


def test_a_model_without_a_place_in_the_order_is_never_suggested(llama_2_7b: CatalogueModel) -> None:
    assert recommend([msgspec.structs.replace(llama_2_7b, strength=0)], machine(64)) == ()
