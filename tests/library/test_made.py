"""What a file is called that is made here, and where it is put: never into a folder of another app."""

from __future__ import annotations

from pathlib import Path

import pytest

from llamadesk.core.models import ModelFacts, ModelFile
from llamadesk.library.made import name_of_new, place_of_new
from llamadesk.library.names import family_name

FACTS = ModelFacts("llama", "", "F16", 1, 64, 32, 2, 2, 16, 16, 100, 1000, 2000, 1000, 500, has_chat_template=True)
NAMES = {
    "llama-2-7b-chat.f16.gguf": "llama-2-7b-chat.Q4_0.gguf",
    "Llama-3.2-1B-Instruct-BF16.gguf": "Llama-3.2-1B-Instruct.Q4_0.gguf",
    "SmolLM2-135M-Instruct.Q8_0.gguf": "SmolLM2-135M-Instruct.Q4_0.gguf",
    "llama-2-7b-chat.GGUF.q8_0.bin": "llama-2-7b-chat.Q4_0.gguf",
    "qwen2.5-7b-instruct-fp16-00001-of-00004.gguf": "qwen2.5-7b-instruct.Q4_0.gguf",
    "granite-3.1-8b-instruct.i1-Q6_K.gguf": "granite-3.1-8b-instruct.Q4_0.gguf",
    "Model-Q8_0-v2.gguf": "Model-v2.Q4_0.gguf",
    "ggml-model-f16.gguf": "ggml-model.Q4_0.gguf",
    "モデル-7B-F16.gguf": "モデル-7B.Q4_0.gguf",
    "no suffix and no quantization": "no suffix and no quantization.Q4_0.gguf",
}


def model_at(path: Path, family: str = "Some Model") -> ModelFile:
    return ModelFile(path, family, 2000, 1, FACTS)


@pytest.mark.parametrize(("source", "name"), NAMES.items())
def test_it_is_called_as_people_know_it(source: str, name: str) -> None:
    assert name_of_new(model_at(Path("/anywhere") / source), "Q4_0") == name
    assert family_name(name, {}) == family_name(source, {})  # so it is a row of the same table


@pytest.mark.parametrize("source", ["F16.gguf", "sha256-" + "8934d96d" * 8, "_.gguf"])
def test_a_name_that_tells_nothing_gives_way_to_the_models_own(source: str) -> None:
    assert name_of_new(model_at(Path("/m") / source, "Llama 3.2 3B"), "Q4_K_M") == "Llama 3.2 3B.Q4_K_M.gguf"


@pytest.mark.parametrize("family", ["../../evil", "a/b:c*?", "C:\\x", "\0\n", "...", "é" * 300])
def test_no_name_leads_out_of_the_folder_or_is_refused_by_a_disk(family: str, tmp_path: Path) -> None:
    name = name_of_new(model_at(Path("/m/f16.gguf"), family), "Q4_0")
    assert not set(name) & set('/\\:*?"<>|\0\n')
    assert len(name.encode()) <= 255
    (tmp_path / name).touch()
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "data" / "models"


def place(source: Path, models: Path, *not_ours: Path) -> Path:
    source.parent.mkdir(parents=True, exist_ok=True)
    return place_of_new(model_at(source), "Q4_0", models, not_ours).parent


def test_beside_the_source_where_that_is_the_persons_own(tmp_path: Path, models: Path) -> None:
    assert place(tmp_path / "Downloads" / "a.f16.gguf", models, tmp_path / "other") == tmp_path / "Downloads"
    assert place(models / "someone" / "A-GGUF" / "a.f16.gguf", models) == models / "someone" / "A-GGUF"


def test_never_into_another_apps_folder(tmp_path: Path, models: Path) -> None:
    theirs = tmp_path / ".lmstudio" / "models"
    assert place(theirs / "someone" / "A-GGUF" / "a.f16.gguf", models, theirs) == models
    link = tmp_path / "link to theirs"
    link.symlink_to(theirs)
    assert place(link / "someone" / "a.f16.gguf", models, theirs) == models


def test_the_models_folder_may_lie_in_another_apps(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    assert place(theirs / "mine" / "a.f16.gguf", theirs / "mine", theirs) == theirs / "mine"


def test_never_into_another_apps_folder_within_the_models_folder(models: Path) -> None:
    assert place(models / "theirs" / "a.f16.gguf", models, models / "theirs") == models
    assert place(models / "a.f16.gguf", models, models) == models


@pytest.mark.parametrize("beside", ["manifests", "snapshots"])
def test_a_store_of_blobs_is_known_wherever_it_lies(beside: str, tmp_path: Path, models: Path) -> None:
    store = tmp_path / "disk" / "store"
    (store / "blobs").mkdir(parents=True)
    (store / beside).mkdir()
    assert place(store / "blobs" / "sha256-1", models) == models
    assert place(store / beside / "abc" / "a.f16.gguf", models) == models


def test_a_link_in_the_persons_folder_stays_there(tmp_path: Path, models: Path) -> None:
    theirs, mine = tmp_path / "theirs", tmp_path / "mine"
    theirs.mkdir()
    mine.mkdir()
    (theirs / "blob").write_bytes(b"GGUF")
    (mine / "a.f16.gguf").symlink_to(theirs / "blob")
    assert place(mine / "a.f16.gguf", models, theirs) == mine
