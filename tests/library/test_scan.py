"""Finding models in folders as people keep them."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import gguf_files as files
import pytest
from gguf_files import Shape
from model_trees import add_to_hub_cache, write_set

from llamadesk.core.errors import ProblemCode, ProblemError
from llamadesk.library import scan as scan_module
from llamadesk.library import search as search_module
from llamadesk.library.scan import ScanResult, read_model, scan
from llamadesk.library.seen import Seen

LLAMA = Shape(n_layers=1)


def found(result: ScanResult) -> dict[str, list[str]]:
    return {family.name: [file.path.name for file in family.files] for family in result.families}


def test_quantizations_fall_into_one_family_smallest_first(tmp_path: Path) -> None:
    Shape(kind=8, file_type=7).write(tmp_path / "llama-2-7b-chat.GGUF.q8_0.bin", general__name="LLaMA v2")
    Shape(kind=2, file_type=2).write(tmp_path / "llama-2-7b-chat.GGUF.q4_0.bin", general__name="Llama-2 7B, q4_0")
    Shape(kind=6, file_type=8).write(tmp_path / "Llama-2-7B-Chat-Q5_0.gguf", general__name="")
    result = scan([tmp_path], [])
    assert found(result) == {
        "Llama 2 7B Chat": [
            "llama-2-7b-chat.GGUF.q4_0.bin",
            "Llama-2-7B-Chat-Q5_0.gguf",
            "llama-2-7b-chat.GGUF.q8_0.bin",
        ]
    }
    assert [file.facts.quantization for file in result.families[0].files] == ["Q4_0", "Q5_0", "Q8_0"]
    assert result.problems == ()


def test_starter_model(starter_model: Path) -> None:
    result = scan([], [starter_model])
    assert found(result) == {"SmolLM2 135M Instruct": [starter_model.name]}
    file = result.families[0].files[0]
    assert file == read_model(starter_model)
    assert file.size_bytes == starter_model.stat().st_size


def test_folders_below(tmp_path: Path) -> None:
    for folder in ("a", "publisher/repository", "hub/models--x/snapshots/0123", ".hidden", "1/2/3/4/5"):
        (tmp_path / folder).mkdir(parents=True)
        LLAMA.write(tmp_path / folder / f"in-{folder.replace('/', '-')}-Q8_0.gguf", general__name=folder)
    LLAMA.write(tmp_path / ".hidden-file-Q8_0.gguf")
    names = [name for files in found(scan([tmp_path], [])).values() for name in files]
    assert names == ["in-a-Q8_0.gguf", "in-hub-models--x-snapshots-0123-Q8_0.gguf", "in-publisher-repository-Q8_0.gguf"]


def test_only_models_are_listed(tmp_path: Path) -> None:
    LLAMA.write(tmp_path / "m-no-suffix")
    LLAMA.write(tmp_path / "other.Q4_0", general__name="Other")
    LLAMA.write(tmp_path / "half.gguf.part")
    (tmp_path / "notes.txt").write_text("GGUF" + "x" * 2000)
    (tmp_path / "pytorch_model.bin").write_bytes(b"PK\x03\x04" + bytes(5000))
    (tmp_path / "small.bin").write_bytes(b"GGUF")
    files.write(tmp_path / "mmproj-model-f16.gguf", LLAMA.values | {"general.architecture": "clip"}, LLAMA.tensors)
    files.write(tmp_path / "lora.gguf", LLAMA.values | {"general.type": "adapter"}, LLAMA.tensors)
    result = scan([tmp_path], [])
    assert sorted(found(result)) == ["M No Suffix", "Other"]
    assert result.problems == ()


def test_what_cannot_be_used_is_said(tmp_path: Path) -> None:
    good = LLAMA.write(tmp_path / "good.gguf")
    shutil.copy(good, tmp_path / "cut.gguf")
    os.truncate(tmp_path / "cut.gguf", good.stat().st_size - 100)
    (tmp_path / "empty.gguf").touch()
    (tmp_path / "page.gguf").write_text("<!DOCTYPE html>" * 100)
    (tmp_path / "old.bin").write_bytes(b"tjgg" + bytes(5000))
    write_set(tmp_path, "big", 3, LLAMA)[1].unlink()
    missing = tmp_path / "gone.gguf"
    result = scan([tmp_path, tmp_path / "no-such-folder"], [missing])
    assert found(result) == {"Good": ["good.gguf"]}
    assert {path.name: problem.code.value for path, problem in result.problems} == {
        "gone.gguf": "model_missing",
        "cut.gguf": "model_damaged",
        "empty.gguf": "model_damaged",
        "page.gguf": "model_not_gguf",
        "old.bin": "model_old_format",
        "big-00001-of-00003.gguf": "model_damaged",
    }


def test_links_and_cycles(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    model = LLAMA.write(folder / "m-Q8_0.gguf")
    (folder / "again.gguf").symlink_to(model)
    os.link(model, folder / "hard.gguf")
    (folder / "up").symlink_to(folder)
    (folder / "broken.gguf").symlink_to(tmp_path / "nothing")
    named = tmp_path / "chosen.gguf"
    named.symlink_to(model)
    result = scan([folder, tmp_path, folder], [named])
    assert [file.path for family in result.families for file in family.files] == [named]
    assert result.places[named].paths == (named, folder / "again.gguf", folder / "hard.gguf", model)
    assert [path.name for path, _ in result.problems] == ["broken.gguf"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_pipes_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.gguf")
    os.mkfifo(tmp_path / "named.gguf")
    result = scan([tmp_path], [tmp_path / "named.gguf"])
    assert result.families == ()
    assert [path.name for path, _ in result.problems] == ["named.gguf"]


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions of another kind")
def test_closed_folder_is_reported(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o000)
    LLAMA.write(tmp_path / "m.gguf")
    as_root = os.geteuid() == 0
    if as_root:  # who may look everywhere
        for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
            folder.chmod(0o755)
        os.seteuid(65534)
    try:
        result = scan([tmp_path], [])
    finally:
        if as_root:
            os.seteuid(0)
    assert found(result) == {"Tiny": ["m.gguf"]}
    assert [(path, problem.code) for path, problem in result.problems] == [(closed, ProblemCode.MODEL_UNREADABLE)]


def test_endless_folders_end_and_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_module, "MAX_ENTRIES", 20)
    endless, other = tmp_path / "endless", tmp_path / "other"
    for index in range(30):
        (endless / f"{index:02}" / "deeper").mkdir(parents=True)
    other.mkdir()
    LLAMA.write(other / "m.gguf")
    result = scan([endless, other], [])
    assert found(result) == {"Tiny": ["m.gguf"]}  # one folder takes nothing from the next
    ((path, problem),) = result.unfinished
    assert path == endless
    assert "20 files and folders" in problem.title
    for folder in list(endless.iterdir())[9:]:
        shutil.rmtree(folder)
    assert scan([endless, other], []).unfinished == ()


def test_a_folder_with_a_great_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_module, "MAX_ENTRIES", 20)
    for index in range(21):
        (tmp_path / f"{index:02}.txt").touch()
    assert [path for path, _ in scan([tmp_path], []).unfinished] == [tmp_path]
    (tmp_path / "00.txt").unlink()
    assert scan([tmp_path], []).unfinished == ()


def test_a_changed_file_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = LLAMA.write(tmp_path / "m.gguf")
    reads: list[Path] = []
    read_header = scan_module.read_whole_header
    monkeypatch.setattr(scan_module, "read_whole_header", lambda path: reads.append(path) or read_header(path))
    assert read_model(path).facts.n_layers == 1
    assert read_model(path).facts.n_layers == 1
    assert len(reads) == 1
    Shape(n_layers=2).write(path)
    assert read_model(path).facts.n_layers == 2
    path.write_bytes(b"no model")
    with pytest.raises(ProblemError):
        read_model(path)


def test_read_model_whatever_its_suffix(tmp_path: Path) -> None:
    assert read_model(LLAMA.write(tmp_path / "some-model.txt")).facts.n_layers == 1
    with pytest.raises(ProblemError) as caught:
        read_model(tmp_path / "none.gguf")
    assert caught.value.problem.code == ProblemCode.MODEL_MISSING
    with pytest.raises(ProblemError) as caught:
        read_model(tmp_path)
    assert caught.value.problem.code == ProblemCode.MODEL_NOT_GGUF


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not allow such names")
def test_name_that_is_no_unicode(tmp_path: Path) -> None:
    path = LLAMA.write(tmp_path / "bad-\udcff.gguf")
    result = scan([tmp_path], [])
    assert result.families == ()
    assert [(path, problem.code) for path, problem in result.problems] == [(path, ProblemCode.MODEL_UNREADABLE)]


# --- Sets of parts ----------------------------------------------------------------------------------------------------


def test_a_set_is_one_model(tmp_path: Path) -> None:
    whole = read_model(LLAMA.write(tmp_path / "whole.bin"))
    folder = tmp_path / "models"
    folder.mkdir()
    parts = write_set(folder, "Llama-2-7B-Chat-Q8_0", 3, LLAMA)
    result = scan([folder], [parts[2]])
    assert found(result) == {"Llama 2 7B Chat": [parts[0].name]}
    file = result.families[0].files[0]
    assert file.size_bytes == sum(part.stat().st_size for part in parts)
    assert file.facts == whole.facts
    assert result.places[file.path].parts == tuple(parts)
    assert result.problems == ()
    assert [read_model(part) for part in parts] == [file] * 3


def test_what_is_missing_of_a_set_is_said_once(tmp_path: Path) -> None:
    parts = write_set(tmp_path, "big", 4, LLAMA)
    parts[1].unlink()
    result = scan([tmp_path], [parts[3]])
    assert result.families == ()
    ((path, problem),) = result.problems
    assert path == parts[3]
    assert problem.title == "Part 2 of the 4 parts of this model is missing."


def test_a_damaged_part_is_said_once(tmp_path: Path) -> None:
    parts = write_set(tmp_path, "big", 3, LLAMA)
    os.truncate(parts[1], 100)
    result = scan([tmp_path], [])
    assert [path for path, _ in result.problems] == [parts[0]]


def test_a_set_that_is_whole_in_one_of_two_snapshots(tmp_path: Path) -> None:
    parts = write_set(tmp_path, "big", 3, LLAMA)
    add_to_hub_cache(tmp_path / "hub", "a/big", "0" * 40, parts[:2])
    complete = add_to_hub_cache(tmp_path / "hub", "a/big", "1" * 40, parts)
    result = scan([tmp_path / "hub"], [])
    assert [file.path for family in result.families for file in family.files] == [complete[0]]
    assert result.problems == ()


# --- The hub's cache --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("links", [True, False])
def test_snapshots_of_the_hub(tmp_path: Path, links: bool) -> None:
    file = LLAMA.write(tmp_path / "Llama-2-7B-Chat-Q8_0.gguf")
    first = add_to_hub_cache(tmp_path / "hub", "a/b", "0" * 40, [file], links=links)
    second = add_to_hub_cache(tmp_path / "hub", "a/b", "1" * 40, [file], links=links)
    result = scan([tmp_path / "hub"], [], merge_copies=True)
    assert found(result) == {"Llama 2 7B Chat": [file.name]}
    assert result.places == {first[0]: scan_module.Place((*first, *second), (first[0],))}


# --- Copies -----------------------------------------------------------------------------------------------------------


def test_copies_are_listed_once(tmp_path: Path) -> None:
    """By the first of the folders; a named file goes before all."""
    for folder in ("b", "a"):
        (tmp_path / folder).mkdir()
    paths = [LLAMA.write(tmp_path / folder / "m.gguf") for folder in ("b", "a")]
    folders = [path.parent for path in paths]
    result = scan(folders, [], merge_copies=True)
    assert found(result) == {"Tiny": ["m.gguf"]}
    assert result.places[paths[0]].paths == tuple(paths)
    assert list(scan(folders, paths[1:], merge_copies=True).places) == [paths[1]]
    assert list(scan(folders, []).places) == paths  # unless nobody asked for that


def test_copies_of_a_set(tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    parts = write_set(tmp_path, "big", 3, LLAMA)
    copies = [Path(shutil.copy(part, tmp_path / "again")) for part in parts]
    places = scan([tmp_path], [], merge_copies=True).places
    assert places == {parts[0]: scan_module.Place((parts[0], copies[0]), tuple(parts))}


def test_what_only_looks_alike_is_no_copy(tmp_path: Path) -> None:
    """One size and one header; other weights, another template."""
    weights, template = (LLAMA.write(tmp_path / name) for name in ("weights.gguf", "template.gguf"))
    LLAMA.write(tmp_path / "m.gguf")
    with weights.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"x")
    data = template.read_bytes()
    template.write_bytes(data.replace(b"{% for m in", b"{% for n in"))
    assert len({path.stat().st_size for path in tmp_path.iterdir()}) == 1
    assert len(scan([tmp_path], [], merge_copies=True).places) == 3


# --- What was seen before ---------------------------------------------------------------------------------------------


def test_what_was_seen_is_not_opened_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    LLAMA.write(folder / "m.gguf")
    LLAMA.write(folder / "copy.gguf")
    LLAMA.write(folder / "no-suffix")
    Shape(n_layers=2).write(folder / "other.q8_0")
    write_set(folder, "big", 3, Shape(n_layers=3))
    files.write(folder / "mmproj.gguf", LLAMA.values | {"general.architecture": "clip"}, LLAMA.tensors)
    first = Seen(tmp_path / "seen")
    result = scan([folder], [], first, merge_copies=True)
    first.save()
    again = Seen(tmp_path / "seen")
    scan_module._read.cache_clear()
    monkeypatch.setattr(Path, "open", lambda path, *_args, **_more: pytest.fail(f"{path} was opened"))
    assert scan([folder], [], again, merge_copies=True) == result


# --- Drives -----------------------------------------------------------------------------------------------------------


def test_a_drive_that_is_pulled_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drive, here = tmp_path / "drive", tmp_path / "here"
    for folder in (drive, here):
        folder.mkdir()
        for number in range(3):
            Shape(n_layers=1 + number).write(folder / f"{folder.name}-{number}.gguf")
    read = scan_module.read_whole_header

    def read_from_the_drive(path: Path) -> object:
        header = read(path)
        if path.name == "drive-1.gguf":
            shutil.rmtree(drive)
        return header

    monkeypatch.setattr(scan_module, "read_whole_header", read_from_the_drive)
    scan_module._read.cache_clear()
    result = scan([drive, here], [])
    assert sorted(file.path.parent for family in result.families for file in family.files) == [here] * 3
    assert result.problems == ()
    ((path, problem),) = result.unfinished
    assert (path, problem.code) == (drive, ProblemCode.MODEL_MISSING)
