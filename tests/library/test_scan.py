"""Finding models in folders as people keep them."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import gguf_files as files
import pytest
from gguf_files import Shape

from llamadesk.core.errors import ProblemCode, ProblemError
from llamadesk.library import scan as scan_module
from llamadesk.library.scan import ScanResult, read_model, scan

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
        LLAMA.write(tmp_path / folder / f"in-{folder.replace('/', '-')}-Q8_0.gguf")
    LLAMA.write(tmp_path / ".hidden-file-Q8_0.gguf")
    names = [name for files in found(scan([tmp_path], [])).values() for name in files]
    assert names == ["in-a-Q8_0.gguf", "in-hub-models--x-snapshots-0123-Q8_0.gguf", "in-publisher-repository-Q8_0.gguf"]


def test_only_models_are_listed(tmp_path: Path) -> None:
    LLAMA.write(tmp_path / "m-no-suffix")
    LLAMA.write(tmp_path / "other.Q4_0")
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
    for part in (1, 2):
        values = LLAMA.values | {"split.count": 2, "split.no": part - 1}
        files.write(tmp_path / f"big-0000{part}-of-00002.gguf", values, LLAMA.tensors)
    missing = tmp_path / "gone.gguf"
    result = scan([tmp_path, tmp_path / "no-such-folder"], [missing])
    assert found(result) == {"Good": ["good.gguf"]}
    assert {path.name: problem.code.value for path, problem in result.problems} == {
        "gone.gguf": "model_missing",
        "cut.gguf": "model_damaged",
        "empty.gguf": "model_damaged",
        "page.gguf": "model_not_gguf",
        "old.bin": "model_old_format",
        "big-00001-of-00002.gguf": "model_unsupported",
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


def test_endless_folders_end(tmp_path: Path) -> None:
    for index in range(30):
        (tmp_path / f"{index:02}.txt").touch()
    LLAMA.write(tmp_path / "z.gguf")
    search = scan_module._Search(_entries_left=20)
    search.walk(tmp_path, 0)
    assert list(search.candidates()) == []


def test_a_changed_file_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = LLAMA.write(tmp_path / "m.gguf")
    reads: list[Path] = []
    read_header = scan_module.read_header
    monkeypatch.setattr(scan_module, "read_header", lambda path: reads.append(path) or read_header(path))
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
