"""Models that were split into several files."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import gguf_files
import pytest
from gguf_files import Shape
from model_trees import write_set

from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.core.gguf import facts_of, read_facts
from llamadesk.core.gguf_sets import part_paths, read_whole_header

LLAMA = Shape(n_layers=2)


def problem(path: Path) -> Problem:
    with pytest.raises(ProblemError) as caught:
        read_whole_header(path)
    return caught.value.problem


def test_names_of_parts() -> None:
    folder = Path("models")
    assert part_paths(folder / "a-00002-of-00003.gguf") == tuple(
        folder / f"a-0000{number}-of-00003.gguf" for number in (1, 2, 3)
    )
    for name in (
        "a.gguf",
        "a-00001-of-00001.gguf",
        "a-00000-of-00002.gguf",
        "a-00003-of-00002.gguf",
        "a-00001-of-99999.gguf",
        "a-1-of-2.gguf",
        "a-00001-of-00002.bin",
        "-00001-of-00002.gguf",
    ):
        assert part_paths(folder / name) == (folder / name,), name


@pytest.mark.parametrize("n_parts", [2, 3, 7])
def test_a_set_says_what_the_whole_model_says(tmp_path: Path, n_parts: int) -> None:
    whole = read_facts(LLAMA.write(tmp_path / "whole.gguf"))
    for part in write_set(tmp_path, "big", n_parts, LLAMA):
        assert facts_of(read_whole_header(part)) == whole
        assert read_facts(part) == whole


def test_a_file_that_is_whole(tmp_path: Path) -> None:
    path = LLAMA.write(tmp_path / "merged-00001-of-00003.gguf")  # and kept the name of the first part
    assert read_whole_header(path).tensors


def test_missing_parts_are_named(tmp_path: Path) -> None:
    parts = write_set(tmp_path, "big", 5, LLAMA)
    parts[1].unlink()
    assert problem(parts[0]) == Problem(
        ProblemCode.MODEL_DAMAGED,
        "Part 2 of the 5 parts of this model is missing.",
        "Download what is missing into the folder of the other parts: big-00002-of-00005.gguf.",
        "missing: 2",
    )
    parts[0].unlink()
    parts[4].unlink()
    assert problem(parts[2]).title == "Parts 1, 2 and 5 of the 5 parts of this model are missing."
    parts[3].unlink()
    assert problem(parts[2]).title == "4 of the 5 parts of this model are missing."
    assert problem(parts[2]).advice.endswith("big-00004-of-00005.gguf and 1 more.")


def test_a_part_that_is_cut_short(tmp_path: Path) -> None:
    parts = write_set(tmp_path, "big", 3, LLAMA)
    os.truncate(parts[2], parts[2].stat().st_size - 100)
    found = problem(parts[0])
    assert found.code == ProblemCode.MODEL_DAMAGED
    assert found.title.startswith("Part 3 of 3: The file is incomplete:")


def test_parts_of_two_models(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    parts = write_set(tmp_path, "big", 3, LLAMA)
    others = write_set(tmp_path / "other", "big", 3, Shape(n_layers=3))
    others[1].replace(parts[1])
    assert problem(parts[0]).title == "The parts of this model do not belong together."


def test_parts_in_the_wrong_order(tmp_path: Path) -> None:
    parts = write_set(tmp_path, "big", 3, LLAMA)
    parts[1].rename(tmp_path / "second")
    parts[2].rename(parts[1])
    (tmp_path / "second").rename(parts[2])
    assert problem(parts[0]).title == "The parts of this model do not belong together."


def test_a_part_under_another_name(tmp_path: Path) -> None:
    parts = write_set(tmp_path, "big", 3, LLAMA)
    renamed = parts[0].rename(tmp_path / "my model.gguf")
    found = problem(renamed)
    assert found.code == ProblemCode.MODEL_UNSUPPORTED
    assert found.title.startswith("This is part 1 of a model in 3 files")
    assert "my model-00001-of-00003.gguf" in found.advice


@pytest.mark.parametrize("count", [struct.pack("<IH", gguf_files.U16, 0xFFFF), "many", True, 0.5])
def test_nonsense_in_the_header(tmp_path: Path, count: gguf_files.Value | bytes) -> None:
    path = gguf_files.write(tmp_path / "m.gguf", LLAMA.values | {"split.count": count}, LLAMA.tensors)
    try:
        read_whole_header(path)
    except ProblemError as error:
        assert error.problem.code in (ProblemCode.MODEL_UNSUPPORTED, ProblemCode.MODEL_DAMAGED)
