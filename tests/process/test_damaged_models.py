"""200 damaged model files opened in the real window: each gives one clear notice, and the window goes on."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from pathlib import Path

import pytest
from damaged_models import damaged_files
from engine_recorder import GREEDY, HI, Recorder
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QFileDialog, QPushButton
from tiny_models import TinyModel, write_tiny_llama

from llamadesk.core.chat import Status
from llamadesk.core.errors import ProblemCode
from llamadesk.core.protocol import LoadSettings
from llamadesk.core.settings import MAX_TOKENS
from llamadesk.state.engine import Phase
from tests.process.window_driver import MakeWindowDriver, Pulse, WindowDriver

N_FILES = 200
STALLED_SECONDS = 3.0
"""A window that does not turn its loop for so long hangs, however busy the machine is."""
NO_WORDS_FOR_PEOPLE = ("Traceback", "Error:", "llamadesk", ".py", "0x", "None", "struct")
CLEAR = {
    ProblemCode.MODEL_NOT_GGUF,
    ProblemCode.MODEL_OLD_FORMAT,
    ProblemCode.MODEL_DAMAGED,
    ProblemCode.MODEL_UNSUPPORTED,
    ProblemCode.MODEL_TOO_LARGE,
    ProblemCode.LOAD_FAILED,
    ProblemCode.ENGINE_LOST,
}


@pytest.fixture
def good_model(tmp_path: Path) -> Path:
    return write_tiny_llama(tmp_path / "good.gguf", TinyModel())


class Opener:
    """Opens files in the window, each in another way than the one before, and waits for what becomes of them."""

    def __init__(self, window: WindowDriver, monkeypatch: pytest.MonkeyPatch) -> None:
        self.window = window
        self._picked = ""
        self._n_opened = 0
        # The dialog of the system is all that is not real.
        monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (self._picked, ""))

    def open(self, path: Path) -> None:
        self._n_opened += 1
        if self._n_opened % 2:
            self.window.drop(path)
        else:
            self._picked = str(path)
            buttons = self.window.window.pane.findChildren(QPushButton)
            next(button for button in buttons if button.text() == "Open a model file…").click()

    def outcome(self, path: Path) -> str:
        """Open a file: "refused" with exactly one notice, or "loaded", which harmless damage may be."""
        window, driver = self.window, self.window.driver
        n_before = len(driver.notices)
        self.open(path)
        driver.until(lambda: len(driver.notices) > n_before or self._is_loaded(path), 30)
        driver.run(window.settled())
        if self._is_loaded(path):
            self._write_with(path)
            return "loaded"
        assert len(driver.notices) == n_before + 1, (path.name, driver.notices[n_before:])
        notice = driver.notices[-1]
        assert window.notices[-1] == notice.text
        assert notice.text.endswith((".", "!")), (path.name, notice)
        assert len(notice.text.split(". ")) >= 2, (path.name, notice)  # what happened, and what to do
        assert not [word for word in NO_WORDS_FOR_PEOPLE if word in notice.text], (path.name, notice)
        return f"refused: {notice.text.split('.')[0]}"

    def _is_loaded(self, path: Path) -> bool:
        engine = self.window.desk.engine
        return engine.status.phase is Phase.READY and engine.model is not None and engine.model.path == str(path)

    def _write_with(self, path: Path) -> None:
        """What loads is written with: damage may show only there."""
        window, driver = self.window, self.window.driver
        n_before = len(driver.notices)
        window.desk.chats.new_chat()
        window.send("Hi")
        driver.until(lambda: len(window.messages) == 2 and not window.desk.replies.busy, 30)
        ended_well = window.messages[1].status in (Status.COMPLETE, Status.CUT_OFF)
        assert len(driver.notices) == n_before + (not ended_well), (path.name, driver.notices[n_before:])


@pytest.mark.timeout(300)
@pytest.mark.allow_log("model_", "load_failed", "engine_lost", "llamadesk.bridge", "llamadesk.engine")
def test_damaged_files_are_explained_in_the_window(
    make_window_driver: MakeWindowDriver, good_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = make_window_driver(tmp_path / "data")
    window.open()
    window.desk.preferences.set(MAX_TOKENS, 3)
    opener = Opener(window, monkeypatch)
    (tmp_path / "damaged").mkdir()
    pulse = Pulse(window.window)
    outcomes: Counter[str] = Counter()
    for path in damaged_files(good_model, tmp_path / "damaged"):
        pulse.restart()
        outcomes[f"{path.stem.split('-')[0]} {opener.outcome(path)}"] += 1
        assert pulse.longest < STALLED_SECONDS, path.name
    print(*sorted(outcomes.items()), sep="\n")
    assert outcomes.total() == N_FILES
    window.check_alive()

    models = next(c for c in window.window.pane.findChildren(QComboBox) if c.accessibleName() == "Model")
    starter = models.findText("SmolLM2", Qt.MatchFlag.MatchContains)
    assert starter >= 0
    models.setCurrentIndex(starter)
    window.until_ready()
    window.desk.chats.new_chat()
    window.desk.preferences.set(MAX_TOKENS, 12)
    window.send("What is the capital of France?")
    window.driver.until(lambda: len(window.messages) == 2 and not window.desk.replies.busy, 60)
    assert "Paris" in window.messages[1].content
    assert window.shown_has(window.messages[1].content)


def test_damaged_files_do_not_upset_the_bridge(real_engine: Recorder, good_model: Path, tmp_path: Path) -> None:
    """Some of them without the library's reading of the header before, which refuses most."""
    outcomes: Counter[str] = Counter()
    (tmp_path / "damaged").mkdir()
    for path in islice(damaged_files(good_model, tmp_path / "damaged"), 0, None, 10):
        load = real_engine.load(LoadSettings(str(path), n_ctx=256, n_threads=1))
        name, result = real_engine.await_answer(load, seconds=60)
        outcomes[name] += 1
        if name == "failed":
            assert result.code in CLEAR, (path.name, result)
            assert result.title.endswith((".", "!")), (path.name, result)
            assert result.advice, (path.name, result)
    assert outcomes["failed"] > 10

    real_engine.await_("loaded", real_engine.load(LoadSettings(str(good_model), n_ctx=256, n_threads=1)))
    assert real_engine.await_answer(real_engine.generate(HI, GREEDY, max_tokens=4))[0] == "finished"
