"""Where other apps keep their models.

The trees are those that the apps' documentation, sources and issues tell of (see the module); none of the apps was run,
and Windows and macOS are played on the system that the tests run on.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from gguf_files import Shape
from model_trees import OllamaTree, add_to_hub_cache

from llamadesk.library.elsewhere import Elsewhere, Kind, folders, owner
from llamadesk.library.scan import scan

LINUX, MACOS, WINDOWS = "linux", "darwin", "win32"


def made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def windows(home: Path) -> dict[str, str]:
    return {"APPDATA": str(home / "AppData" / "Roaming"), "LOCALAPPDATA": str(home / "AppData" / "Local")}


def found(home: Path, environment: dict[str, str], system: str) -> list[tuple[str, Path]]:
    """Without a service of the machine that the test runs on."""
    known = folders(home, environment, system)
    return [(place.app, place.folder.relative_to(home)) for place in known if home in place.folder.parents]


DEFAULTS = [
    (LINUX, "LM Studio", ".lmstudio/models"),
    (LINUX, "LM Studio", ".cache/lm-studio/models"),
    (MACOS, "LM Studio", ".lmstudio/models"),
    (WINDOWS, "LM Studio", ".lmstudio/models"),
    (LINUX, "Jan", ".local/share/Jan/data/llamacpp/models"),
    (LINUX, "Jan", "jan/models"),
    (MACOS, "Jan", "Library/Application Support/Jan/data/llamacpp/models"),
    (WINDOWS, "Jan", "AppData/Roaming/Jan/data/llamacpp/models"),
    (LINUX, "GPT4All", ".local/share/nomic.ai/GPT4All"),
    (LINUX, "GPT4All", ".cache/gpt4all"),
    (MACOS, "GPT4All", "Library/Application Support/nomic.ai/GPT4All"),
    (WINDOWS, "GPT4All", "AppData/Local/nomic.ai/GPT4All"),
    (LINUX, "Ollama", ".ollama/models"),
    (MACOS, "Ollama", ".ollama/models"),
    (WINDOWS, "Ollama", ".ollama/models"),
    (LINUX, "Hugging Face", ".cache/huggingface/hub"),
    (MACOS, "Hugging Face", ".cache/huggingface/hub"),
    (WINDOWS, "Hugging Face", ".cache/huggingface/hub"),
    (LINUX, "llama.cpp", ".cache/llama.cpp"),
    (MACOS, "llama.cpp", "Library/Caches/llama.cpp"),
    (WINDOWS, "llama.cpp", "AppData/Local/llama.cpp"),
]


@pytest.mark.parametrize(("system", "app", "folder"), DEFAULTS)
def test_where_they_are_unless_somebody_chose(tmp_path: Path, system: str, app: str, folder: str) -> None:
    made(tmp_path / folder)
    for environment in ({}, windows(tmp_path)) if system == WINDOWS else ({},):
        assert found(tmp_path, environment, system) == [(app, Path(folder))]


@pytest.mark.parametrize(
    ("variable", "value", "app", "folder"),
    [
        ("OLLAMA_MODELS", "elsewhere", "Ollama", "elsewhere"),
        ("HF_HOME", "hf", "Hugging Face", "hf/hub"),
        ("HF_HUB_CACHE", "cache", "Hugging Face", "cache"),
        ("HUGGINGFACE_HUB_CACHE", "cache", "Hugging Face", "cache"),
        ("XDG_CACHE_HOME", "xdg", "Hugging Face", "xdg/huggingface/hub"),
        ("XDG_CACHE_HOME", "xdg", "llama.cpp", "xdg/llama.cpp"),
        ("XDG_DATA_HOME", "xdg", "GPT4All", "xdg/nomic.ai/GPT4All"),
        ("XDG_DATA_HOME", "xdg", "Jan", "xdg/Jan/data/llamacpp/models"),
        ("LLAMA_CACHE", "cache", "llama.cpp", "cache"),
    ],
)
def test_environment(tmp_path: Path, variable: str, value: str, app: str, folder: str) -> None:
    made(tmp_path / folder)
    assert found(tmp_path, {variable: str(tmp_path / value)}, LINUX) == [(app, Path(folder))]
    assert found(tmp_path, {variable: f"~/{value}"}, LINUX) == [(app, Path(folder))]


def test_variables_that_name_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made(tmp_path / "here")
    for value in ("", "here", str(tmp_path / "nothing"), "\0", str(tmp_path), "/", "~", "x" * 10_000):
        environment = dict.fromkeys(("OLLAMA_MODELS", "HF_HUB_CACHE", "LLAMA_CACHE"), value)
        assert found(tmp_path, environment, LINUX) == [], value
        assert tmp_path not in [place.folder for place in folders(tmp_path, environment, LINUX)]


@pytest.mark.parametrize(
    ("system", "app", "file", "settings"),
    [
        (LINUX, "LM Studio", ".lmstudio/settings.json", {"downloadsFolder": "{}"}),
        (LINUX, "LM Studio", ".config/LM Studio/settings.json", {"downloadsFolder": "{}"}),
        (MACOS, "LM Studio", "Library/Application Support/LM Studio/settings.json", {"downloadsFolder": "{}"}),
        (WINDOWS, "LM Studio", "AppData/Roaming/LM Studio/settings.json", {"downloadsFolder": "{}"}),
        (LINUX, "LM Studio", ".cache/lm-studio/settings.json", {"downloadsFolder": "{}"}),
        (MACOS, "Jan", "Library/Application Support/Jan/settings.json", {"data_folder": "{}"}),
        (LINUX, "Jan", ".config/Jan/settings.json", {"data_folder": "{}"}),
        (LINUX, "Jan", ".local/share/jan.ai.app/settings.json", {"data_folder": "{}"}),
        (WINDOWS, "Jan", "AppData/Roaming/Jan/settings.json", {"data_folder": "{}"}),
        (
            LINUX,
            "GPT4All",
            ".config/nomic.ai/GPT4All.ini",
            "[General]\nchatTheme=Light\nmodelPath={}\nserverChat=true\n",
        ),
        (MACOS, "GPT4All", ".config/nomic.ai/GPT4All.ini", '[General]\nmodelPath="{}"\n'),
        (WINDOWS, "GPT4All", "AppData/Roaming/nomic.ai/GPT4All.ini", "[General]\r\nmodelPath={}\r\n"),
    ],
)
def test_folders_that_somebody_chose(
    tmp_path: Path, system: str, app: str, file: str, settings: dict[str, str] | str
) -> None:
    chosen = made(tmp_path / "disk, of mine" / "models")
    text = settings if isinstance(settings, str) else json.dumps(settings)
    made((tmp_path / file).parent)
    (tmp_path / file).write_text(text.replace("{}", str(chosen.parent if app == "Jan" else chosen)))
    assert found(tmp_path, {}, system) == [(app, chosen.relative_to(tmp_path))]


def test_pointer_to_the_home_of_lm_studio(tmp_path: Path) -> None:
    models = made(tmp_path / "moved" / "models")
    (tmp_path / ".lmstudio-home-pointer").write_text(f"{models.parent}\n")
    assert found(tmp_path, {}, LINUX) == [("LM Studio", Path("moved/models"))]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"downloadsFolder": 5}', '{"downloadsFolder": "\\u0000"}', "[" * 99_999]
)
def test_settings_that_say_nothing(tmp_path: Path, text: str) -> None:
    models = made(tmp_path / ".lmstudio" / "models")
    (models.parent / "settings.json").write_text(text)
    assert folders(tmp_path, {}, LINUX)[0] == Elsewhere("LM Studio", models)


def test_a_folder_is_found_once(tmp_path: Path) -> None:
    made(tmp_path / ".cache" / "huggingface" / "hub")
    (tmp_path / "link").symlink_to(tmp_path / ".cache" / "huggingface")
    environment = {"HF_HOME": str(tmp_path / "link"), "LLAMA_CACHE": str(tmp_path / ".cache" / "huggingface" / "hub")}
    assert found(tmp_path, environment, LINUX) == [("Hugging Face", Path("link/hub"))]


def test_owner() -> None:
    outer = Elsewhere("Ollama", Path("a"), Kind.OLLAMA)
    inner = Elsewhere("Jan", Path("a/b"))
    assert owner(Path("a/b/c.gguf"), [outer, inner]) == inner
    assert owner(Path("a/c.gguf"), [outer, inner]) == outer
    assert owner(Path("d/c.gguf"), [outer, inner]) is None


def test_links_do_not_change_whose_a_file_is(tmp_path: Path) -> None:
    disk, mine = made(tmp_path / "disk" / "models"), made(tmp_path / "mine")
    (tmp_path / ".ollama").symlink_to(disk.parent)
    theirs = Elsewhere("Ollama", tmp_path / ".ollama" / "models", Kind.OLLAMA)
    assert owner(disk / "c.gguf", [theirs]) == owner(theirs.folder / "c.gguf", [theirs]) == theirs
    (disk / "c.gguf").touch()
    (mine / "c.gguf").symlink_to(disk / "c.gguf")
    assert owner(mine / "c.gguf", [theirs]) is None
    (mine / "circle").symlink_to(mine / "circle")
    assert owner(mine / "circle" / "c.gguf", [theirs]) is None


def test_what_all_of_them_left_is_listed_once(tmp_path: Path) -> None:
    shape = Shape(n_layers=1)
    file = shape.write(tmp_path / "Llama-2-7B-Chat-Q8_0.gguf")
    for app in (".lmstudio/models/publisher/Llama-2-7B-Chat-GGUF", ".cache/llama.cpp", ".local/share/nomic.ai/GPT4All"):
        shape.write(made(tmp_path / app) / file.name)
    shape.write(made(tmp_path / ".local/share/Jan/data/llamacpp/models/llama-2") / "model.gguf")
    blob = OllamaTree(tmp_path / ".ollama" / "models").add("registry.ollama.ai/library/llama2/7b-chat-q8_0", file)
    add_to_hub_cache(tmp_path / ".cache" / "huggingface" / "hub", "a/Llama-2-GGUF", "0" * 40, [file])
    known = [place for place in folders(tmp_path, {}, LINUX) if tmp_path in place.folder.parents]
    result = scan([place.folder for place in known], [], merge_copies=True)
    (family,) = result.families
    (model,) = family.files
    place = result.places[model.path]
    assert family.name == "Llama 2 7B Chat"
    assert place.names == ("llama2:7b-chat-q8_0",)
    assert blob in place.paths
    owners = [owner(path, known) for path in place.paths]
    apps = ["LM Studio", "Jan", "GPT4All", "Ollama", "Hugging Face", "llama.cpp"]
    assert [place.app for place in owners if place is not None] == apps
    assert result.problems == ()
