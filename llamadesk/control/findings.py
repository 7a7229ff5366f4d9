"""What this installation is, what it finds on this computer and what is wrong with it, as plain data.

`llamadesk doctor` and the diagnostics of the window are made of this. Nothing here knows Qt or changes the person's
data, and all of it blocks: a window asks for it on a thread.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import psutil

from llamadesk.core.errors import Problem
from llamadesk.core.installation import installation
from llamadesk.core.models import ModelFile
from llamadesk.core.paths import DataFolders, starter_model
from llamadesk.core.privacy import all_without_person
from llamadesk.core.protocol import Hello
from llamadesk.core.start import StartMode
from llamadesk.library.scan import scan
from llamadesk.log import CRASH_FILE, LOG_FILE
from llamadesk.store.report import DatabaseReport
from llamadesk.versions import versions

Report = dict[str, Any]
_LOG_LINES: Final = 200
_CRASH_LINES: Final = 60
_TAIL_BYTES: Final = 64 * 1024


def collect(folders: DataFolders, mode: StartMode, hello: Hello | None, trouble: str, database: Report) -> Report:
    """Everything about this installation.

    Args:
        folders: where the person's data lie.
        mode: what is other than at an ordinary start.
        hello: the engine's own word, None where there is no engine.
        trouble: why there is none, or "".
        database: what is known of it, see `database`.
    """
    said: Report = msgspec.to_builtins(hello) if hello else {}
    memory = psutil.virtual_memory()
    found: Report = {
        "versions": versions() | {"llama.cpp": said.get("library_version", "unknown")},
        "installation": msgspec.to_builtins(installation()),
        "mode": msgspec.to_builtins(mode),
        "cpu": {
            "cores": psutil.cpu_count(logical=False),
            "threads": psutil.cpu_count(),
            "variant": said.get("cpu_variant", ""),
            "features": said.get("cpu_features", []),
        },
        "memory": {"total_bytes": memory.total, "free_bytes": memory.available},
        "engine": {
            "problem": trouble,
            "protocol": said.get("protocol"),
            "devices": said.get("devices", []),
            "accelerators": said.get("accelerators", []),
        },
        "folders": {name: _folder(path) for name, path in _named(folders).items()},
        "models": _models(folders),
        "database": database,
    }
    return found | {"broken": _broken(found)}


def database(checked: DatabaseReport) -> Report:
    """What a check of the database found."""
    problem = "" if checked.sound else "Some of it is damaged; it is repaired at the next start as far as it can be."
    details: Report = msgspec.to_builtins(checked)
    return details | {"state": "sound" if checked.sound else "damaged", "problem": problem}


def logs(folders: DataFolders) -> Report:
    """The last lines of the logs, the newest last. No code of LlamaDesk logs the text of a chat."""
    return {
        "log": _last_lines(folders.logs / LOG_FILE, _LOG_LINES),
        "crashes": _last_lines(folders.logs / CRASH_FILE, _CRASH_LINES),
    }


def for_others(found: Mapping[str, Any]) -> Report:
    """A report that can be handed to others: files of models by their bare names, and nothing that names the person."""
    models = found["models"]
    shown = dict(found) | {
        "models": {
            "found": [_by_name(model) for model in models["found"]],
            "unusable": [_by_name(model) for model in models["unusable"]],
            "starter": _by_name(models["starter"]),
        }
    }
    report: Report = all_without_person(shown)
    return report


def _by_name(model: Report) -> Report:
    about = {key: value for key, value in model.items() if key != "path"}
    return {"file": Path(model["path"]).name if model["path"] else None} | about


def _broken(found: Report) -> list[str]:
    broken = []
    if found["engine"]["problem"]:
        broken.append(f"engine: {found['engine']['problem']}")
    for name, folder in found["folders"].items():
        if folder["problem"]:
            broken.append(f"folder of {name}: {folder['problem']}")
    if found["models"]["starter"]["problem"]:
        broken.append(f"starter model: {found['models']['starter']['problem']}")
    if found["database"]["state"] == "damaged":
        broken.append(f"database: {found['database']['problem']}")
    return broken


# --- Folders and models -----------------------------------------------------------------------------------------------


def _named(folders: DataFolders) -> dict[str, Path]:
    return {"chats": folders.root, "models": folders.models, "logs": folders.logs}


def _folder(path: Path) -> Report:
    """A folder as it is; one that is missing is made at the first start, so what counts is where it would be made."""
    found: Report = {"path": str(path), "exists": False, "writable": False, "free_bytes": None, "problem": ""}
    nearest = path
    try:
        while not nearest.exists() and nearest != nearest.parent:
            nearest = nearest.parent
        found["exists"] = nearest == path
        found["writable"] = nearest.is_dir() and _writable(nearest)
        found["free_bytes"] = shutil.disk_usage(nearest).free
    except OSError as error:
        found["problem"] = str(error)
    if not found["writable"] and not found["problem"]:
        found["problem"] = f"{nearest} cannot be written"
    return found


def _writable(folder: Path) -> bool:
    """By trying: permissions alone do not tell (a read-only drive, Windows). What is made for it is gone at once."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _models(folders: DataFolders) -> Report:
    starter = starter_model()
    result = scan([folders.models], [starter] if starter else [])
    problems = dict(result.problems)
    return {
        "found": [_model(file, family.name) for family in result.families for file in family.files],
        "unusable": [{"path": str(path), "problem": problem.text} for path, problem in problems.items()],
        "starter": {
            "path": str(starter) if starter else None,
            "problem": "It is not installed." if starter is None else _text(problems.get(starter)),
        },
    }


def _model(file: ModelFile, family: str) -> Report:
    return {
        "path": str(file.path),
        "family": family,
        "quantization": file.facts.quantization,
        "size_bytes": file.size_bytes,
        "layers": file.facts.n_layers,
        "trained_context": file.facts.n_ctx_train,
    }


def _text(problem: Problem | None) -> str:
    return problem.text if problem else ""


# --- Logs -------------------------------------------------------------------------------------------------------------


def _last_lines(path: Path, n_lines: int) -> list[str]:
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - _TAIL_BYTES))
            lines = file.read(_TAIL_BYTES).decode("utf-8", "replace").splitlines()
    except OSError:
        return []
    return list(deque(lines, maxlen=n_lines))
