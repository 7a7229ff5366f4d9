"""`llamadesk doctor`: what this installation is, what it finds and what is wrong with it, as JSON.

Nothing of the person's data is changed or made.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import psutil

from llamadesk.bridge.command import EngineCommand, engine_command
from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.core.models import ModelFile
from llamadesk.core.paths import DataFolders, starter_model
from llamadesk.core.protocol import Hello, ProtocolError, event_decoder
from llamadesk.core.start import StartMode
from llamadesk.library.scan import scan
from llamadesk.store import report
from llamadesk.store.connection import beside, connect
from llamadesk.store.examine import damage_in
from llamadesk.store.lock import FolderLock
from llamadesk.store.migrations import MIGRATIONS, schema_version
from llamadesk.versions import versions

Report = dict[str, Any]
_HELLO_SECONDS: Final = 20.0
_LAST_WORDS: Final = 2000
"""Characters of what a broken engine wrote that are told."""


def run(folders: DataFolders, mode: StartMode) -> int:
    """Print the report; returns 0, or 1 where something is broken (listed under "broken")."""
    engine = _engine(engine_command(safe_mode=mode.safe))
    models = _models(folders)
    database = _database(folders)
    data_folders = {name: _folder(path) for name, path in _named(folders).items()}
    found = {
        "versions": versions() | {"llama.cpp": engine.pop("library_version", "unknown")},
        "cpu": {"cores": psutil.cpu_count(logical=False), "threads": psutil.cpu_count()}
        | {"features": engine.pop("cpu_features", [])},
        "memory": {"total_bytes": psutil.virtual_memory().total, "free_bytes": psutil.virtual_memory().available},
        "engine": engine,
        "folders": data_folders,
        "models": models,
        "database": database,
    }
    broken = _broken(found)
    # ASCII, because not every console can write, nor every encoding hold, every name of a file
    print(json.dumps(found | {"broken": broken}, indent=2))
    return 1 if broken else 0


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


# --- The engine -------------------------------------------------------------------------------------------------------


def _engine(command: EngineCommand) -> Report:
    """The engine's own word on what it is and which devices it sees."""
    try:
        with tempfile.TemporaryFile() as errors, _process(command.argv, os.environ | command.env, errors) as process:
            hello = _hello(process)
            if hello is None:
                _end(process)
                return {"problem": _last_words(errors, process.returncode), "devices": []}
    except OSError as error:
        return {"problem": f"The engine could not be started: {error}", "devices": []}
    return {
        "problem": "",
        "protocol": hello.protocol,
        "devices": msgspec.to_builtins(hello.devices),
        "library_version": hello.library_version,
        "cpu_features": hello.cpu_features,
    }


@contextmanager
def _process(argv: list[str], env: dict[str, str], errors: Any) -> Iterator[subprocess.Popen[bytes]]:
    """The engine as a process that is gone when the block ends."""
    with subprocess.Popen(
        argv, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, bufsize=0
    ) as process:
        try:
            yield process
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()  # it has nothing to save
    process.wait()


def _hello(process: subprocess.Popen[bytes]) -> Hello | None:
    """The engine's first event; None where it does not come, or something else does."""
    assert process.stdout is not None
    decoder = event_decoder()
    deadline = threading.Timer(_HELLO_SECONDS, process.kill)  # ends the read below
    deadline.start()
    try:
        while data := process.stdout.read(65536):
            for event in decoder.feed(data):
                return event if isinstance(event, Hello) else None
    except ProtocolError:
        pass
    finally:
        deadline.cancel()
        deadline.join()
    return None


def _last_words(errors: Any, returncode: int | None) -> str:
    errors.seek(0)
    words = errors.read().decode("utf-8", "replace")[-_LAST_WORDS:].strip()
    return f"The engine did not start (exit code {returncode}): {words}"


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


# --- The database -----------------------------------------------------------------------------------------------------


def _database(folders: DataFolders) -> Report:
    """What is wrong with the database, found on a copy, so that no byte of it changes."""
    found: Report = {"path": str(folders.database), "state": "sound", "problem": ""}
    try:
        if not folders.database.exists():
            return found | {"state": "missing"}
        with _alone(folders), tempfile.TemporaryDirectory() as scratch:
            copy = Path(scratch) / folders.database.name
            for suffix in ("", "-wal"):  # the index of the WAL is made anew
                if beside(folders.database, suffix).exists():
                    shutil.copyfile(beside(folders.database, suffix), beside(copy, suffix))
            return found | _examined(copy, folders)
    except ProblemError as error:
        states = {ProblemCode.STORE_IN_USE: "in use", ProblemCode.STORE_NEWER: "newer"}
        return found | {"state": states.get(error.problem.code, "damaged"), "problem": error.problem.text}
    except (OSError, sqlite3.Error) as error:
        return found | {"state": "damaged", "problem": str(error)}


@contextmanager
def _alone(folders: DataFolders) -> Iterator[None]:
    """Keeps the app out for a moment; raises STORE_IN_USE where it is running. A lock that is not there is not made."""
    path = beside(folders.database, ".lock")
    if not path.exists() or not os.access(path, os.W_OK):
        yield
        return
    lock = FolderLock(path)
    try:
        yield
    finally:
        lock.release()


def _examined(copy: Path, folders: DataFolders) -> Report:
    damage = damage_in(copy, len(MIGRATIONS), thorough=True)
    if damage:
        return {"state": "damaged", "problem": damage}
    with closing(connect(copy)) as connection:
        version = schema_version(connection)
        if version < len(MIGRATIONS):
            return {
                "state": "older",
                "schema_version": version,
                "problem": "It is brought up to date at the next start.",
            }
        checked = report.check(connection, folders)
    problem = "" if checked.sound else "Some of it is damaged; it is repaired at the next start as far as it can be."
    details: Report = msgspec.to_builtins(checked)
    return details | {"state": "sound" if checked.sound else "damaged", "problem": problem}
