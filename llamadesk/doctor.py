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

from llamadesk.bridge.command import EngineCommand, engine_command
from llamadesk.control import findings
from llamadesk.control.findings import Report
from llamadesk.core.errors import ProblemCode, ProblemError
from llamadesk.core.paths import DataFolders
from llamadesk.core.protocol import Hello, ProtocolError, event_decoder
from llamadesk.core.start import StartMode
from llamadesk.store import report
from llamadesk.store.connection import beside, connect
from llamadesk.store.examine import damage_in
from llamadesk.store.lock import FolderLock
from llamadesk.store.migrations import MIGRATIONS, schema_version

_HELLO_SECONDS: Final = 20.0
_LAST_WORDS: Final = 2000
"""Characters of what a broken engine wrote that are told."""


def run(folders: DataFolders, mode: StartMode) -> int:
    """Print the report; returns 0, or 1 where something is broken (listed under "broken")."""
    hello, trouble = _engine(engine_command(folders, safe_mode=mode.safe))
    found = findings.collect(folders, mode, hello, trouble, _database(folders))
    # ASCII, because not every console can write, nor every encoding hold, every name of a file
    print(json.dumps(found, indent=2))
    return 1 if found["broken"] else 0


# --- The engine -------------------------------------------------------------------------------------------------------


def _engine(command: EngineCommand) -> tuple[Hello | None, str]:
    """The engine's own word on what it is and which devices it sees; else why there is none."""
    try:
        with tempfile.TemporaryFile() as errors, _process(command.argv, os.environ | command.env, errors) as process:
            hello = _hello(process)
            if hello is not None:
                return hello, ""
            _end(process)
            return None, _last_words(errors, process.returncode)
    except OSError as error:
        return None, f"The engine could not be started: {error}"


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
        return findings.database(report.check(connection, folders))
