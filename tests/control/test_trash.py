"""Which files may be put into the trash, and that they get there. The trash is one of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from llamadesk.control.models import trash
from llamadesk.core.errors import ProblemCode, ProblemError


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The person's home; the trash of the system lies in it."""
    home = tmp_path / "home"
    (home / ".local" / "share").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / ".local" / "share"))
    for variable in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "OLLAMA_MODELS", "HF_HOME", "HF_HUB_CACHE", "LLAMA_CACHE"):
        monkeypatch.delenv(variable, raising=False)
    return home


def made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"GGUF")
    return path


@pytest.mark.parametrize("folder", ["Downloads", "models/llama", "Library of models", "."])
def test_what_lies_in_the_persons_own_folders_may_go(home: Path, folder: str) -> None:
    assert trash.hindrance(made(home / folder / "m.gguf"), []) is None


@pytest.mark.parametrize(
    ("place", "app"),
    [
        (".lmstudio/models/a/b/m.gguf", "LM Studio"),
        (".ollama/models/blobs/sha256-1", "Ollama"),
        (".cache/huggingface/hub/models--a--b/snapshots/1/m.gguf", "Hugging Face"),
        ("jan/llamacpp/models/m/model.gguf", "Jan"),
    ],
)
def test_what_belongs_to_another_app_stays(home: Path, place: str, app: str) -> None:
    path = made(home / place)
    for own_folders in ([], [home]):  # even where the person had that looked through
        problem = trash.hindrance(path, own_folders)
        assert problem is not None
        assert problem.code is ProblemCode.TRASH_REFUSED
        assert app in problem.text
    assert trash.owner_of(path) == app


@pytest.mark.parametrize("place", [".unknown-app/models/m.gguf", "work/.cache/m.gguf"])
def test_what_an_unknown_app_keeps_stays(home: Path, place: str) -> None:
    assert trash.hindrance(made(home / place), []) is not None


def test_files_from_outside_go_only_from_a_folder_that_was_named(home: Path, tmp_path: Path) -> None:
    path = made(tmp_path / "disk" / "models" / "m.gguf")
    assert trash.hindrance(path, [home]) is not None
    assert trash.hindrance(path, [tmp_path / "disk"]) is None


def test_the_starter_model_stays(home: Path, starter_model: Path) -> None:
    problem = trash.hindrance(starter_model, [starter_model.parent])
    assert problem is not None and "came with LlamaDesk" in problem.title


def test_a_link_into_another_apps_folder_may_go_by_itself(home: Path) -> None:
    there = made(home / ".lmstudio" / "models" / "m.gguf")
    link = home / "models" / "m.gguf"
    link.parent.mkdir()
    link.symlink_to(there)
    assert trash.hindrance(link, []) is None
    trash.move_to_trash([link])
    assert not link.is_symlink()
    assert there.is_file()


def test_they_lie_in_the_trash_whole(home: Path) -> None:
    paths = [made(home / "models" / name) for name in ("a.gguf", "ä 😀.gguf")]
    trash.move_to_trash(paths)
    assert not any(path.exists() for path in paths)
    trashed = home / ".local" / "share" / "Trash"
    assert sorted(path.read_bytes() for path in (trashed / "files").iterdir()) == [b"GGUF", b"GGUF"]
    infos = "".join(path.read_text() for path in (trashed / "info").iterdir())
    assert "a.gguf" in infos  # the file manager knows where they came from


def test_what_cannot_be_moved_is_told(home: Path) -> None:
    with pytest.raises(ProblemError) as caught:
        trash.move_to_trash([home / "gone.gguf"])
    assert caught.value.problem.code is ProblemCode.TRASH_FAILED
    assert "gone.gguf" in caught.value.problem.title
