"""`llamadesk doctor` as a person calls it, on data in every state."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from gguf_files import Shape

from llamadesk import doctor
from llamadesk.bridge.command import EngineCommand
from llamadesk.core.chat import Role, Status
from llamadesk.core.paths import DataFolders
from llamadesk.core.start import StartMode
from llamadesk.store.front import Store

CHAT_TEXT = "a secret of mine"


def examine(folders: DataFolders) -> tuple[int, dict[str, Any]]:
    """Exit code and report of the real command."""
    done = subprocess.run(
        [sys.executable, "-m", "llamadesk", "--data-dir", str(folders.root), "doctor"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    assert CHAT_TEXT not in done.stdout
    return done.returncode, json.loads(done.stdout)


def everything_in(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


def make_chat(folders: DataFolders, status: Status = Status.COMPLETE) -> Store:
    store = Store.open(folders)

    async def write() -> None:
        conversation, question = await store.begin_chat("Title", CHAT_TEXT)
        await store.add_message(conversation.id, question.id, Role.ASSISTANT, CHAT_TEXT, status)

    asyncio.run(write())
    return store


def test_a_fresh_installation(data_folders: DataFolders, starter_model: Path) -> None:
    code, report = examine(data_folders)
    assert report["broken"] == []
    assert code == 0
    assert not data_folders.root.exists()
    for name in ("LlamaDesk", "Python", "PySide6-Essentials", "Qt", "llama-cpp-python", "llama.cpp", "SQLite"):
        assert report["versions"][name][0].isdigit(), name
    assert report["cpu"]["features"]
    assert any(device["kind"] == "cpu" for device in report["engine"]["devices"])
    assert 0 < report["memory"]["free_bytes"] <= report["memory"]["total_bytes"]
    assert report["folders"]["chats"] | {"free_bytes": 0} == {
        "path": str(data_folders.root),
        "exists": False,
        "writable": True,
        "free_bytes": 0,
        "problem": "",
    }
    assert report["models"]["starter"] == {"path": str(starter_model), "problem": ""}
    assert [model["family"] for model in report["models"]["found"]] == ["SmolLM2 135M Instruct"]
    assert report["database"]["state"] == "missing"


def test_models_and_chats(data_folders: DataFolders) -> None:
    make_chat(data_folders, Status.STREAMING).close()
    data_folders.models.mkdir()
    Shape().write(data_folders.models / "älter-7B-Q8_0.gguf")
    Shape().write(data_folders.models / "bad-\udcff-Q8_0.gguf")
    (data_folders.models / "old.bin").write_bytes(b"tjgg" + bytes(5000))
    before = everything_in(data_folders.root)
    code, report = examine(data_folders)
    assert everything_in(data_folders.root) == before
    assert code == 0
    found = next(model for model in report["models"]["found"] if "7B" in model["family"])
    assert (found["quantization"], found["layers"], found["trained_context"]) == ("Q8_0", 2, 512)
    assert [Path(model["path"]).name for model in report["models"]["unusable"]] == ["bad-\udcff-Q8_0.gguf", "old.bin"]
    database = report["database"]
    assert (database["state"], database["n_conversations"], database["n_messages"]) == ("sound", 1, 2)
    assert database["path"] == str(data_folders.database)


def test_app_that_is_running(data_folders: DataFolders) -> None:
    store = make_chat(data_folders)
    before = everything_in(data_folders.root)
    try:
        code, report = examine(data_folders)
        assert everything_in(data_folders.root) == before
    finally:
        store.close()
    assert (code, report["database"]["state"]) == (0, "in use")


def test_after_a_crash(data_folders: DataFolders) -> None:
    """The WAL still holds what was committed."""
    program = (
        "import os, sys; sys.path[:0] = sys.argv[2:]; import test_doctor;"
        "from llamadesk.core.paths import data_folders;"
        "store = test_doctor.make_chat(data_folders(sys.argv[1])); os._exit(9)"
    )
    here = str(Path(__file__).parent)
    subprocess.run([sys.executable, "-c", program, str(data_folders.root), here], check=False, timeout=60)
    before = everything_in(data_folders.root)
    assert any(path.endswith("-wal") for path in before)
    code, report = examine(data_folders)
    assert everything_in(data_folders.root) == before
    assert (code, report["database"]["state"], report["database"]["n_messages"]) == (0, "sound", 2)


def test_damaged_database(data_folders: DataFolders) -> None:
    make_chat(data_folders).close()
    data = bytearray(data_folders.database.read_bytes())
    data[4096:] = bytes(len(data) - 4096)
    data_folders.database.write_bytes(data)
    before = everything_in(data_folders.root)
    code, report = examine(data_folders)
    assert everything_in(data_folders.root) == before
    assert (code, report["database"]["state"]) == (1, "damaged")
    assert any(line.startswith("database: ") for line in report["broken"])


def test_message_that_changed_behind_our_back(data_folders: DataFolders) -> None:
    make_chat(data_folders).close()
    data = data_folders.database.read_bytes()
    data_folders.database.write_bytes(data.replace(CHAT_TEXT.encode(), CHAT_TEXT.upper().encode()))
    code, report = examine(data_folders)
    assert (code, report["database"]["state"]) == (1, "damaged")


def test_database_of_a_newer_app(data_folders: DataFolders) -> None:
    make_chat(data_folders).close()
    connection = sqlite3.connect(data_folders.database)
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    code, report = examine(data_folders)
    assert (code, report["database"]["state"]) == (0, "newer")
    assert report["database"]["problem"]


def test_folder_that_cannot_be(data_folders: DataFolders) -> None:
    data_folders.root.write_text("a file where the folder should be")
    code, report = examine(data_folders)
    assert code == 1
    assert report["folders"]["chats"]["problem"]
    assert any(line.startswith("folder of chats: ") for line in report["broken"])


# --- An engine that does not work: real processes in its place -----------------------------------------------------


def examine_with_engine(
    program: str, folders: DataFolders, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    monkeypatch.setattr(doctor, "_HELLO_SECONDS", 1.0)
    monkeypatch.setattr(doctor, "engine_command", lambda *_, **__: EngineCommand([sys.executable, "-c", program]))
    code = doctor.run(folders, StartMode())
    return code, str(json.loads(capsys.readouterr().out)["engine"]["problem"])


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import sys; sys.exit('the library is missing')", "the library is missing"),
        ("import time; time.sleep(600)", "did not start"),
        ("import os; os.write(1, b'garbage' * 100)", "did not start"),
        ("import os; os.abort()", "did not start"),
    ],
)
def test_engine_that_does_not_start(
    program: str,
    said: str,
    data_folders: DataFolders,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, problem = examine_with_engine(program, data_folders, monkeypatch, capsys)
    assert code == 1
    assert said in problem


def test_engine_that_is_not_there(
    data_folders: DataFolders, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        doctor, "engine_command", lambda *_, **__: EngineCommand([str(data_folders.root / "no-such-program")])
    )
    assert doctor.run(data_folders, StartMode()) == 1
    assert "could not be started" in json.loads(capsys.readouterr().out)["engine"]["problem"]
