"""Where other apps keep GGUF files on this machine. They are used where they lie: nothing here is ever changed.

Where our knowledge comes from (read, not tried on Windows and macOS):

- LM Studio: its documentation (~/.lmstudio/models/PUBLISHER/MODEL/FILE), the sources of its program `lms` (the pointer
  to its home, `downloadsFolder` in settings.json), issues in its tracker (~/.cache/lm-studio of older versions).
- Jan: its sources (`src-tauri`, settings.json with `data_folder`) and issues janhq/jan#6018, #8412 (llamacpp/models).
- GPT4All: its sources (`mysettings.cpp`, an .ini file with `modelPath`) and nomic-ai/gpt4all#3485; its Python package.
- Ollama: its documentation (OLLAMA_MODELS, the folder of the service on Linux). See `llamadesk.library.ollama`.
- The hub's cache: the documentation and `constants.py` of huggingface_hub (HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME).
- llama.cpp: `fs_get_cache_directory` in its sources (LLAMA_CACHE). Since ggml-org/llama.cpp#20775 it downloads into the
  hub's cache, or into one of that form at LLAMA_CACHE.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

_MAX_SETTINGS_BYTES: Final = 4 * 1024 * 1024
_GPT4ALL_FOLDER: Final = re.compile(r"^modelPath=(.*)$", re.MULTILINE)


class Kind(StrEnum):
    """How models lie in a folder. A scan sees that for itself; this is for the words around it."""

    FILES = "files"
    HUB_CACHE = "hub_cache"
    OLLAMA = "ollama"


class Elsewhere(msgspec.Struct, frozen=True):
    """A folder where another app keeps models.

    Attributes:
        app: its name, as people know it.
        folder: it is there; it may hold no model at all.
        kind: how models lie in it.
    """

    app: str
    folder: Path
    kind: Kind = Kind.FILES


def folders(home: Path, environment: Mapping[str, str], system: str = sys.platform) -> list[Elsewhere]:
    """The folders of other apps that are there, each once. Blocking: it looks at the disk, and into the settings of
    these apps. What cannot be read is as good as not there.

    Args:
        home: the person's home folder.
        environment: as `os.environ`.
        system: as `sys.platform`.
    """
    places = _Places(home, environment, system)
    found: dict[tuple[int, int], Elsewhere] = {}
    for app, candidates, kind in (
        ("LM Studio", _lm_studio(places), Kind.FILES),
        ("Jan", _jan(places), Kind.FILES),
        ("GPT4All", _gpt4all(places), Kind.FILES),
        ("Ollama", _ollama(places), Kind.OLLAMA),
        ("Hugging Face", _hub_cache(places), Kind.HUB_CACHE),
        ("llama.cpp", _llama_cpp(places), Kind.FILES),
    ):
        for folder in candidates:
            identity = _identity(folder)
            if identity is not None and not places.too_broad(folder):
                found.setdefault(identity, Elsewhere(app, folder, kind))
    return list(found.values())


def owner(path: Path, known: Sequence[Elsewhere]) -> Elsewhere | None:
    """Whose file this is: see `innermost`; None where it lies in none of the folders. Blocking."""
    found = innermost(path, [place.folder for place in known])
    return next((place for place in known if place.folder == found), None)


def innermost(path: Path, folders: Iterable[Path]) -> Path | None:
    """The innermost of the folders that a file lies in, whatever links lead there (but a file that is a link lies where
    the link does); of folders that are the same, the first. None where it lies in none of them. Blocking."""
    parent = _without_links(path.parent)
    truly = [(folder, _without_links(folder)) for folder in folders]
    around = [(folder, true) for folder, true in truly if true == parent or true in parent.parents]
    return max(around, key=lambda each: len(each[1].parts), default=(None,))[0]


def _without_links(path: Path) -> Path:
    return Path(os.path.realpath(path))  # Path.resolve raises where links lead round in a circle


@dataclass(frozen=True)
class _Places:
    """Where this system keeps what belongs to a person's apps."""

    home: Path
    environment: Mapping[str, str]
    system: str

    def named(self, variable: str) -> Path | None:
        """The folder that an environment variable names; None where it names none."""
        return self.path(self.environment.get(variable, ""))

    def path(self, text: str) -> Path | None:
        """The folder that a text names, which comes from elsewhere; None for what is no absolute path."""
        if text == "~" or text.startswith(("~/", "~\\")):
            return self.home / text[2:]
        path = Path(text)
        return path if text and "\0" not in text and path.is_absolute() else None

    @property
    def config(self) -> Path:
        """Settings."""
        if self.system == "win32":
            return self.named("APPDATA") or self.home / "AppData" / "Roaming"
        if self.system == "darwin":
            return self.home / "Library" / "Application Support"
        return self.named("XDG_CONFIG_HOME") or self.home / ".config"

    @property
    def data(self) -> Path:
        """Data; on Windows those that follow the person from machine to machine."""
        if self.system in ("win32", "darwin"):
            return self.config
        return self.named("XDG_DATA_HOME") or self.home / ".local" / "share"

    @property
    def local_data(self) -> Path:
        """Data that stay on this machine."""
        if self.system == "win32":
            return self.named("LOCALAPPDATA") or self.home / "AppData" / "Local"
        return self.data

    @property
    def cache(self) -> Path:
        """What can be made again."""
        if self.system == "win32":
            return self.local_data
        if self.system == "darwin":
            return self.home / "Library" / "Caches"
        return self.unix_cache

    @property
    def unix_cache(self) -> Path:
        """The same for programs that make no difference between systems."""
        return self.named("XDG_CACHE_HOME") or self.home / ".cache"

    def too_broad(self, folder: Path) -> bool:
        """Whether a folder holds far more than models: somebody's settings name the whole home, or a disk."""
        return folder == self.home or folder in self.home.parents or folder == folder.parent


def _lm_studio(places: _Places) -> Iterator[Path]:
    pointer = places.path(_text(places.home / ".lmstudio-home-pointer").strip())
    homes = [*([pointer] if pointer else []), places.home / ".lmstudio", places.home / ".cache" / "lm-studio"]
    for folder in (*homes, places.config / "LM Studio"):
        chosen = places.path(_setting(folder / "settings.json", "downloadsFolder"))
        if chosen is not None:
            yield chosen
    for folder in homes:
        yield folder / "models"


def _jan(places: _Places) -> Iterator[Path]:
    data_folders = [places.data / "Jan" / "data", places.home / "jan"]
    for folder in (places.config / "Jan", places.data / "Jan", places.data / "jan.ai.app"):
        chosen = places.path(_setting(folder / "settings.json", "data_folder"))
        if chosen is not None:
            data_folders.insert(0, chosen)
    for folder in data_folders:
        yield folder / "llamacpp" / "models"
        yield folder / "models"  # of older versions


def _gpt4all(places: _Places) -> Iterator[Path]:
    unix_config = places.named("XDG_CONFIG_HOME") or places.home / ".config"
    for folder in (places.config, unix_config):
        chosen = _GPT4ALL_FOLDER.search(_text(folder / "nomic.ai" / "GPT4All.ini"))
        path = places.path(chosen[1].strip().strip('"').replace("\\\\", "\\")) if chosen else None
        if path is not None:
            yield path
    yield places.local_data / "nomic.ai" / "GPT4All"
    yield places.home / ".cache" / "gpt4all"  # of the Python package


def _ollama(places: _Places) -> Iterator[Path]:
    chosen = places.named("OLLAMA_MODELS")
    if chosen is not None:
        yield chosen
    yield places.home / ".ollama" / "models"
    if places.system not in ("win32", "darwin"):
        yield Path("/usr/share/ollama/.ollama/models")  # of the service


def _hub_cache(places: _Places) -> Iterator[Path]:
    """All that are there: a variable may be set for a shell, and not for this app."""
    for variable in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        chosen = places.named(variable)
        if chosen is not None:
            yield chosen
    home = places.named("HF_HOME")
    if home is not None:
        yield home / "hub"
    yield places.unix_cache / "huggingface" / "hub"
    yield places.home / ".cache" / "huggingface" / "hub"


def _llama_cpp(places: _Places) -> Iterator[Path]:
    chosen = places.named("LLAMA_CACHE")
    if chosen is not None:
        yield chosen
    yield places.cache / "llama.cpp"


def _identity(folder: Path) -> tuple[int, int] | None:
    """What two paths to one folder have in common; None where there is none."""
    try:
        status = folder.stat()
        return (status.st_dev, status.st_ino) if folder.is_dir() else None
    except (OSError, ValueError):
        return None


def _setting(file: Path, key: str) -> str:
    """A text in a JSON file of settings; "" where there is none."""
    try:
        settings = msgspec.json.decode(_text(file))
    except (msgspec.DecodeError, RecursionError):
        return ""
    value = settings.get(key) if isinstance(settings, dict) else None
    return value if isinstance(value, str) else ""


def _text(file: Path) -> str:
    """What a small file of another app says; "" where it cannot be read."""
    try:
        if not file.is_file():
            return ""  # a pipe would never answer
        with file.open("rb") as opened:
            return opened.read(_MAX_SETTINGS_BYTES).decode("utf-8-sig", "replace")
    except (OSError, ValueError):
        return ""
