"""Choosing and loading models, with the real engine."""

from __future__ import annotations

import shutil
from pathlib import Path

import psutil
import pytest

from llamadesk.core.paths import starter_model
from llamadesk.core.settings import CONTEXT_LENGTH, MODEL_PATH
from llamadesk.state.engine import Phase
from tests.control.desk_driver import DeskDriver


def test_the_starter_model_loads_by_itself(driver: DeskDriver) -> None:
    desk = driver.open()
    driver.until(lambda: desk.engine.status.phase is Phase.READY)
    assert desk.models.chosen is not None
    assert desk.models.chosen.facts.quantization == "Q4_1"
    assert [family.name for family in desk.models.families] == [desk.models.chosen.family]
    assert desk.engine.model is not None
    assert desk.engine.model.n_layers == desk.models.chosen.facts.n_layers


def test_another_context_length_is_loaded_after_a_pause_and_kept(driver: DeskDriver) -> None:
    desk = driver.open()
    driver.until(lambda: desk.engine.status.phase is Phase.READY)
    for length in (1024, 2048, 4096, 1536):  # a slider that is dragged
        desk.preferences.set(CONTEXT_LENGTH, length)
    driver.until(lambda: desk.engine.status.n_ctx == 1536)
    driver.close(desk)
    desk = driver.open()
    driver.until(lambda: desk.engine.status.n_ctx == 1536)


def test_a_model_named_on_the_command_line_wins(driver: DeskDriver, tmp_path: Path) -> None:
    starter = starter_model()
    assert starter is not None
    other = tmp_path / "llama-2-7b-chat.GGUF.q4_0.bin"
    shutil.copy(starter, other)
    desk = driver.open(model=other)
    driver.until(lambda: desk.engine.status.phase is Phase.READY)
    assert desk.engine.model is not None
    assert desk.engine.model.path == str(other)
    assert desk.settings.get(MODEL_PATH, str) == str(other)


@pytest.mark.allow_log("model_")
@pytest.mark.parametrize("content", [b"", b"ggjt" + bytes(4000), b"GGUF" + b"\xff" * 4000, None])
def test_a_file_that_is_no_model_is_explained_and_the_starter_model_taken(
    driver: DeskDriver, tmp_path: Path, content: bytes | None
) -> None:
    broken = tmp_path / "broken.gguf"
    if content is not None:
        broken.write_bytes(content)
    desk = driver.open(model=broken)
    assert len(driver.notices) == 1
    assert driver.notices[0].text
    driver.until(lambda: desk.engine.status.phase is Phase.READY)


@pytest.mark.allow_log("model_too_large", "no_model")
def test_a_model_larger_than_memory_is_said_before_it_is_tried(
    driver: DeskDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Memory:
        available = 50_000_000
        total = 100_000_000

    monkeypatch.setattr(psutil, "virtual_memory", Memory)
    desk = driver.open()
    driver.until(lambda: desk.engine.status.phase is Phase.STOPPED)
    assert desk.engine.model is None
    (notice,) = driver.notices
    assert notice.action_label == "Load anyway"
    refused: list[str] = []
    desk.replies.send_refused.connect(refused.append)
    desk.replies.send("Hello?")
    assert refused == ["Hello?"]
    assert not desk.replies.busy
    desk.notices.act(notice.action_id)
    driver.until(lambda: desk.engine.status.phase is Phase.READY)


DIES = {"load": [[{"type": "Die", "signal": "SIGSEGV"}]]}
LOADS: dict[str, object] = {}
NO_STEP_HELPS = [DIES, DIES, LOADS, DIES]  # the third is ended for one that uses the plainest of the CPU's modules


@pytest.mark.allow_log("engine_lost", "llamadesk.bridge")
def test_the_first_model_kills_the_engine_however_it_is_loaded(driver: DeskDriver) -> None:
    desk = driver.open(driver.fake({"lives": [*NO_STEP_HELPS, LOADS]}))
    driver.until(lambda: driver.notices)
    driver.pause(0.5)
    assert desk.engine.status.phase is Phase.STOPPED  # and not loading for ever
    assert len(driver.notices) == 1
    desk.replies.send("Hello?")  # tries again
    driver.until(lambda: desk.engine.status.phase is Phase.READY)


@pytest.mark.allow_log("engine_lost", "llamadesk.bridge")
def test_another_model_that_kills_the_engine_brings_back_the_one_of_before(driver: DeskDriver, tmp_path: Path) -> None:
    starter = starter_model()
    assert starter is not None
    other = tmp_path / "other.gguf"
    shutil.copy(starter, other)
    loads = [[{"type": "Progress"}], [{"type": "Die", "signal": "SIGSEGV"}]]
    desk = driver.open(driver.fake({"lives": [{"load": loads}, *NO_STEP_HELPS[1:], LOADS]}))
    driver.until(lambda: desk.engine.status.phase is Phase.READY)
    desk.library.add_file(other)
    driver.until(lambda: driver.notices)
    driver.until(lambda: desk.engine.status.phase is Phase.READY)
    assert desk.engine.model is not None and desk.models.chosen is not None
    assert desk.engine.model.path == str(desk.models.chosen.path) == desk.settings.get(MODEL_PATH, str) == str(starter)
    driver.pause(1.0)  # longer than a changed setting waits
    assert desk.engine.status.phase is Phase.READY
    assert len(driver.notices) == 1


@pytest.mark.allow_log("engine_lost", "model_missing", "llamadesk.bridge")
def test_a_model_that_is_gone_when_the_engine_comes_back_is_told(driver: DeskDriver) -> None:
    gone = {"code": "model_missing", "title": "The file is gone.", "advice": "", "detail": ""}
    lives = [{"generate": [[{"type": "Die", "signal": "SIGSEGV"}]]}, {"load": [[{"type": "Fail", "problem": gone}]]}]
    desk = driver.open(driver.fake({"lives": lives}))
    driver.until(lambda: desk.engine.status.phase is Phase.READY)
    desk.replies.send("Hello?")
    driver.until(lambda: desk.engine.status.phase is Phase.STOPPED)
    driver.until(lambda: not desk.replies.busy)
    assert [notice.text for notice in driver.notices][1:] == ["The file is gone."]
