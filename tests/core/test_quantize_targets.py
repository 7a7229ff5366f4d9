"""What a model can be quantized to, and how large that would be."""

from __future__ import annotations

from pathlib import Path

import gguf_files as files
import pytest

from llamadesk.core.errors import ProblemCode
from llamadesk.core.ggml_types import FILE_TYPES
from llamadesk.core.gguf import facts_of, read_facts
from llamadesk.core.gguf_header import Header, read_header
from llamadesk.core.quality import Quality, quality_of
from llamadesk.core.quantize import (
    ORIGIN_FILE_KEY,
    ORIGIN_LIMIT_BYTES,
    ORIGIN_QUANTIZATION_KEY,
    TARGETS,
    Origin,
    can_quantize,
    expected_bytes,
    is_requantizing,
    larger_problem,
    origin_of,
)

F16, Q8_0, Q4_0 = (1, 1), (8, 7), (2, 2)
"""Tensor type and file type."""
GB_OF_LLAMA_2_7B = {
    "Q8_0": 7.16,
    "Q6_K": 5.53,
    "Q5_K_M": 4.78,
    "Q5_K_S": 4.65,
    "Q5_0": 4.65,
    "Q4_K_M": 4.08,
    "Q4_K_S": 3.86,
    "Q4_0": 3.83,
    "Q3_K_L": 3.60,
    "Q3_K_M": 3.30,
    "Q3_K_S": 2.95,
    "Q2_K": 2.53,
}
"""Sizes of the files that people share, of this model as llama.cpp quantizes it."""


def llama(folder: Path, kind: tuple[int, int], n_embd: int = 4096, *, tied: bool = False) -> Header:
    tensor_type, file_type = kind
    shape = files.Shape(32, n_embd, 11008, 32, 32, 32000, 4096, kind=tensor_type, file_type=file_type, tied=tied)
    return read_header(shape.write(folder / "m.gguf"))


def test_the_targets_are_those_that_were_asked_for_by_llama_cpps_numbers() -> None:
    assert set(TARGETS) == set(GB_OF_LLAMA_2_7B)
    for name, target in TARGETS.items():
        assert (target.name, FILE_TYPES[target.file_type]) == (name, name)
        assert quality_of(name) is not Quality.UNKNOWN
    bits = [target.bits for target in TARGETS.values()]
    assert bits == sorted(bits, reverse=True)


@pytest.mark.parametrize("name", TARGETS)
def test_the_size_of_a_7b_model_is_foreseen(name: str, tmp_path: Path) -> None:
    header = llama(tmp_path, F16)
    expected = expected_bytes(header.tensors, TARGETS[name])
    assert expected / 1e9 == pytest.approx(GB_OF_LLAMA_2_7B[name], rel=0.01)
    assert 8 * expected / facts_of(header).n_params == pytest.approx(TARGETS[name].bits, rel=0.01)


def test_rows_that_do_not_fit_the_blocks_are_reckoned_with(tmp_path: Path) -> None:
    fitting, other = llama(tmp_path, F16, 2048), llama(tmp_path, F16, 2048 + 32)

    def bits(header: Header) -> float:
        weights = sum(tensor.n_elements for tensor in header.tensors)
        return 8 * expected_bytes(header.tensors, TARGETS["Q4_K_S"]) / weights

    assert bits(fitting) < 4.8
    assert bits(other) > 5.2  # mostly Q5_0


def test_the_embedding_counts_as_the_output_where_it_is_both(tmp_path: Path) -> None:
    tied, separate = llama(tmp_path, F16, tied=True), llama(tmp_path, F16)
    embedding = 32000 * 4096
    gained = expected_bytes(separate.tensors, TARGETS["Q4_0"]) - expected_bytes(tied.tensors, TARGETS["Q4_0"])
    assert gained == pytest.approx(embedding * 4.5 / 8, rel=0.01)


def test_what_is_smaller_can_be_made_and_the_rest_is_refused_in_words(tmp_path: Path) -> None:
    facts = facts_of(llama(tmp_path, Q8_0))
    possible = [name for name, target in TARGETS.items() if can_quantize(facts, target) is None]
    assert possible == [name for name in TARGETS if name != "Q8_0"]
    facts = facts_of(llama(tmp_path, Q4_0))
    problems = {name: can_quantize(facts, target) for name, target in TARGETS.items()}
    assert [name for name, problem in problems.items() if problem is None] == ["Q3_K_L", "Q3_K_M", "Q3_K_S", "Q2_K"]
    same, larger = problems["Q4_0"], problems["Q5_K_M"]
    assert same is not None and larger is not None
    assert same.code is larger.code is ProblemCode.QUANTIZE_FAILED
    assert same.title == "This model is a Q4_0 already."
    assert larger.title == "From Q4_0, Q5_K_M would be larger and no better."


def test_other_quantizations_are_ranked_by_their_bits(tmp_path: Path) -> None:
    path = files.Shape(kind=3, file_type=3).write(tmp_path / "q4_1.gguf")  # 5 bits
    facts = read_facts(path)
    assert facts.quantization == "Q4_1"
    assert can_quantize(facts, TARGETS["Q5_0"]) is not None
    assert can_quantize(facts, TARGETS["Q4_0"]) is None
    path = files.Shape(kind=2, file_type=27).write(tmp_path / "iq3_m.gguf")  # a mixture: by what its tensors take
    assert can_quantize(read_facts(path), TARGETS["Q5_0"]) is not None
    assert can_quantize(read_facts(path), TARGETS["Q2_K"]) is None


def test_a_shape_that_would_not_become_smaller_is_noticed(tmp_path: Path) -> None:
    odd = files.Shape(4, 576, 1536, 9, 3, 2000, 512, kind=6, file_type=8).write(tmp_path / "m.gguf")  # Q5_0
    header = read_header(odd)
    assert can_quantize(facts_of(header), TARGETS["Q4_K_M"]) is None
    assert larger_problem(header, TARGETS["Q4_K_M"]) is not None  # whose rows become Q5_0
    assert larger_problem(header, TARGETS["Q4_0"]) is None


@pytest.mark.parametrize(("kind", "twice"), [((0, 0), False), (F16, False), (Q8_0, True), (Q4_0, True)])
def test_quantizing_twice_is_told(kind: tuple[int, int], twice: bool, tmp_path: Path) -> None:
    path = files.Shape(kind=kind[0], file_type=kind[1]).write(tmp_path / "m.gguf")
    assert is_requantizing(read_facts(path)) is twice


def test_an_origin_is_written_and_read(tmp_path: Path) -> None:
    origin = Origin("Llama 2 7B Größe.gguf", "F16")
    header = read_header(files.write(tmp_path / "m.gguf", {**files.Shape().values, **origin.values}))
    assert origin_of(header) == origin
    assert origin_of(read_header(files.Shape().write(tmp_path / "n.gguf"))) is None


def test_a_long_name_is_cut_between_letters() -> None:
    values = Origin("é" * 100 + ".gguf", "Q8_0").values
    assert values[ORIGIN_FILE_KEY] == "é" * (ORIGIN_LIMIT_BYTES // 2)
    assert values[ORIGIN_QUANTIZATION_KEY] == "Q8_0"
