"""What the window's diagnostics collect on a real desk, with its engine, and that none of it is private."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from llamadesk import log
from llamadesk.control.desk import Desk
from llamadesk.core.diagnosis import as_text, sections
from llamadesk.core.paths import data_folders
from llamadesk.core.settings import SYSTEM_PROMPT, TEMPERATURE
from llamadesk.core.start import StartMode
from llamadesk.state.engine import Phase
from tests.control.desk_driver import DeskDriver

SECRET = "a secret of mine"


@pytest.fixture
def at_home(driver: DeskDriver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DeskDriver:
    """The data lie in the person's own folder, as they mostly do."""
    home = tmp_path / "Jane Doe"
    monkeypatch.setattr(Path, "home", lambda: home)
    driver.folders = data_folders(home / "data")
    return driver


def collect(driver: DeskDriver, desk: Desk) -> dict[str, Any]:
    found: list[dict[str, Any]] = []
    desk.diagnostics.collected.connect(found.append)
    desk.diagnostics.collect()
    driver.until(lambda: found)
    json.dumps(found[0])  # plain data
    return found[0]


@pytest.mark.allow_log("model_")
def test_a_desk_at_work(at_home: DeskDriver, starter_model: Path) -> None:
    driver = at_home
    driver.folders.logs.mkdir(parents=True)
    (driver.folders.logs / log.LOG_FILE).write_text(f"started in {driver.folders.root}\n" * 300)
    (driver.folders.logs / log.CRASH_FILE).write_text("Fatal Python error: Aborted\n")
    driver.folders.models.mkdir()
    shutil.copy(starter_model, driver.folders.models / "other-7B-Q4_1.gguf")
    (driver.folders.models / "broken.gguf").write_bytes(b"tjgg" * 100)
    desk = driver.open()
    driver.until(lambda: desk.engine.status.phase is Phase.READY)
    desk.preferences.set(SYSTEM_PROMPT, SECRET)
    desk.preferences.set(TEMPERATURE, 0.0)
    desk.replies.send(f"{SECRET}, and the title of a chat")
    driver.until(lambda: desk.replies.busy)
    desk.replies.stop()
    driver.until(lambda: not desk.replies.busy)

    found = collect(driver, desk)
    assert found["broken"] == []
    assert found["installation"]["kind"] == "source"
    assert found["mode"] == {"safe": False, "offline": False}
    assert found["cpu"]["features"]
    assert [device["kind"] for device in found["engine"]["devices"]].count("cpu") == 1
    assert found["engine"]["status"] and found["engine"]["deaths"] == []
    assert found["engine"]["model"]["file"] == starter_model.name
    assert found["folders"]["models"]["path"] == "~/data/models"
    assert found["database"]["state"] == "sound"
    assert (found["database"]["n_conversations"], found["database"]["n_messages"]) == (1, 2)
    assert {model["file"] for model in found["models"]["found"]} == {"other-7B-Q4_1.gguf", starter_model.name}
    assert [model["file"] for model in found["models"]["unusable"]] == ["broken.gguf"]
    assert found["settings"]["Temperature"] == 0.0
    assert found["log"] == ["started in ~/data"] * 200
    assert found["crashes"] == ["Fatal Python error: Aborted"]

    for text in (json.dumps(found), as_text(found)):
        assert SECRET not in text
        assert "Jane Doe" not in text
        assert str(driver.folders.root) not in text


@pytest.mark.allow_log("engine_lost", "llamadesk.bridge")
def test_the_last_deaths_of_the_engine(driver: DeskDriver) -> None:
    lives = [{"generate": [[{"type": "Die", "signal": "SIGSEGV"}]]}, {}]
    desk = driver.open(driver.fake({"lives": lives}), mode=StartMode(safe=True))
    driver.until(lambda: desk.engine.status.phase is Phase.READY)
    desk.replies.send("Hello?")
    driver.until(lambda: desk.diagnostics._deaths)
    driver.until(lambda: desk.engine.status.phase is Phase.READY and not desk.replies.busy)
    found = collect(driver, desk)
    (death,) = found["engine"]["deaths"]
    assert "SIGSEGV" in death["detail"]
    assert found["engine"]["problem"] == ""  # it was started again
    assert found["mode"]["safe"]
    words = {name: value for section in sections(found) for name, value in section.rows}
    assert words["Safe mode"] == "on"
    assert "SIGSEGV" in words[f"Stopped {death['at']}"]


@pytest.mark.allow_log("engine_not_started", "llamadesk.bridge")
def test_an_engine_that_does_not_start(driver: DeskDriver, tmp_path: Path) -> None:
    command = driver.fake({"lives": [{}]})
    desk = driver.open(type(command)([str(tmp_path / "no-such-program")]))
    driver.until(lambda: desk.diagnostics._deaths)
    found = collect(driver, desk)
    assert found["engine"]["problem"]
    assert any(line.startswith("engine: ") for line in found["broken"])
    assert sections(found)[0].title == "Problems"
    assert "Engine" in dict(sections(found)[0].rows)


def test_a_report_is_saved_and_trouble_is_said(driver: DeskDriver, tmp_path: Path) -> None:
    desk = driver.open(driver.fake({"lives": [{}]}))
    ended: list[str] = []
    desk.diagnostics.save_ended.connect(ended.append)
    desk.diagnostics.save(tmp_path / "report.txt", "ä \udcff\n")
    driver.until(lambda: ended)
    assert (tmp_path / "report.txt").read_text(encoding="utf-8") == "ä \\udcff\n"
    desk.diagnostics.save(tmp_path / "no-such-folder" / "report.txt", "x")
    driver.until(lambda: len(ended) == 2)
    assert ended[0] == ""
    assert ended[1].startswith("The report could not be saved: ")
