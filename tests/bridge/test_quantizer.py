"""The process that quantizes, as the window has it: however it ends, that is told once, and nothing is left."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
from engine_recorder import gone_within, is_alive
from PySide6.QtCore import QCoreApplication, QProcess, QThread
from pytestqt.qtbot import QtBot
from tiny_models import TinyModel, write_tiny_llama

from llamadesk.bridge.command import EngineCommand, engine_command
from llamadesk.bridge.quantizer import Quantizer
from llamadesk.core.errors import Problem, ProblemCode
from llamadesk.core.gguf import read_facts
from llamadesk.core.quantize import Quantized, QuantizeRequest, part_path

PATIENCE_MS = 90_000


class Recorded(Quantizer):
    """Writes down what it says, and that it says so on the window's thread."""

    def __init__(
        self, source: Path, target: Path, quantization: str = "Q4_0", command: EngineCommand | None = None
    ) -> None:
        request = QuantizeRequest(str(source), str(target), quantization, n_threads=1)
        super().__init__(command or engine_command(), request)
        self.fractions: list[float] = []
        self.ends: list[object] = []
        self.progressed.connect(self._on_progress)
        self.finished.connect(self._on_end)
        self.failed.connect(self._on_end)
        self.cancelled.connect(lambda: self._on_end(None))

    def _on_progress(self, fraction: float) -> None:
        assert QThread.currentThread() is QCoreApplication.instance().thread()
        assert not self.ends
        self.fractions.append(fraction)

    def _on_end(self, end: object) -> None:
        self.ends.append(end)

    @property
    def process(self) -> QProcess:
        process = self.findChild(QProcess)
        assert process is not None
        return process

    @property
    def worker(self) -> psutil.Process:
        (worker,) = psutil.Process(self.process.processId()).children()
        return worker

    def until_at_work(self, qtbot: QtBot) -> None:
        """Start, and wait until some of it is done."""
        self.start()
        qtbot.waitUntil(lambda: bool(self.ends) or self.fractions[-1:] > [0.2], timeout=PATIENCE_MS)
        assert not self.ends

    def until_ended(self, qtbot: QtBot) -> object:
        qtbot.waitUntil(lambda: bool(self.ends), timeout=PATIENCE_MS)
        qtbot.wait(50)  # nothing follows
        (end,) = self.ends
        assert self.process.state() is QProcess.ProcessState.NotRunning
        return end


@pytest.fixture(scope="module")
def large_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_llama(tmp_path_factory.mktemp("large") / "large.gguf", TinyModel(n_embd=512, n_layers=8))


@pytest.fixture
def large(large_model: Path, tmp_path: Path) -> Path:
    """A model that takes a second or more, in a folder of its own."""
    folder = tmp_path / "large ü"
    folder.mkdir()
    return Path(shutil.copy(large_model, folder))


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return write_tiny_llama(tmp_path / "tiny.gguf", TinyModel(n_embd=64))


Making = Callable[..., Recorded]


@pytest.fixture
def making() -> Iterator[Making]:
    """Makes quantizers, and closes them."""
    made: list[Recorded] = []

    def make(*arguments: Any, **named: Any) -> Recorded:
        made.append(Recorded(*arguments, **named))
        return made[-1]

    yield make
    for quantizer in made:
        quantizer.close()


def problem_of(end: object) -> Problem:
    assert isinstance(end, Problem), end
    assert end.advice
    return end


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_made(tiny: Path, making: Making, qtbot: QtBot) -> None:
    target = tiny.with_name("tiny.Q4_0.gguf")
    quantizer = making(tiny, target)
    quantizer.start()
    assert quantizer.until_ended(qtbot) == Quantized(str(target), target.stat().st_size)
    assert read_facts(target).quantization == "Q4_0"
    assert quantizer.fractions == sorted(quantizer.fractions)
    assert 0.5 < quantizer.fractions[-1] <= 1


def test_what_the_process_refuses_is_passed_on(tiny: Path, making: Making, qtbot: QtBot) -> None:
    quantizer = making(tiny.with_name("gone.gguf"), tiny.with_name("q.gguf"))
    quantizer.start()
    assert problem_of(quantizer.until_ended(qtbot)).code is ProblemCode.MODEL_MISSING


def test_cancelled_in_the_middle_it_leaves_nothing(large: Path, making: Making, qtbot: QtBot) -> None:
    quantizer = making(large, large.with_name("q.gguf"), "Q3_K_M")
    quantizer.until_at_work(qtbot)
    assert part_path(large.with_name("q.gguf")).exists()
    worker = quantizer.worker
    quantizer.cancel()
    assert quantizer.until_ended(qtbot) is None
    assert not worker.is_running()
    assert names_in(large.parent) == [large.name]


def test_cancelled_at_once_it_leaves_nothing(large: Path, making: Making, qtbot: QtBot) -> None:
    quantizer = making(large, large.with_name("q.gguf"))
    quantizer.start()
    quantizer.cancel()
    assert quantizer.until_ended(qtbot) is None
    assert names_in(large.parent) == [large.name]


def test_a_killed_process_is_told_and_takes_its_worker_along(large: Path, making: Making, qtbot: QtBot) -> None:
    quantizer = making(large, large.with_name("q.gguf"), "Q3_K_M")
    quantizer.until_at_work(qtbot)
    worker = quantizer.worker
    psutil.Process(quantizer.process.processId()).kill()
    problem = problem_of(quantizer.until_ended(qtbot))
    assert problem.code is ProblemCode.QUANTIZE_FAILED
    assert "memory" in problem.title
    assert "SIGKILL" in problem.detail
    worker.wait(PATIENCE_MS / 1000)
    assert not large.with_name("q.gguf").exists()


def test_one_that_is_killed_while_it_is_cancelled_was_cancelled(large: Path, making: Making, qtbot: QtBot) -> None:
    quantizer = making(large, large.with_name("q.gguf"), "Q3_K_M")
    quantizer.until_at_work(qtbot)
    process = psutil.Process(quantizer.process.processId())
    process.suspend()
    quantizer.cancel()
    process.kill()
    assert quantizer.until_ended(qtbot) is None


def test_closed_in_the_middle_it_leaves_nothing_and_is_silent(large: Path, making: Making, qtbot: QtBot) -> None:
    quantizer = making(large, large.with_name("q.gguf"), "Q3_K_M")
    quantizer.until_at_work(qtbot)
    worker = quantizer.worker
    quantizer.close()
    assert quantizer.process.state() is QProcess.ProcessState.NotRunning
    assert gone_within(worker.pid, seconds=10)
    qtbot.wait(50)
    assert not quantizer.ends
    assert names_in(large.parent) == [large.name]
    quantizer.close()


def test_one_that_does_not_hear_the_end_is_killed(large: Path, making: Making, qtbot: QtBot) -> None:
    quantizer = making(large, large.with_name("q.gguf"), "Q3_K_M")
    quantizer.until_at_work(qtbot)
    pid = quantizer.process.processId()
    psutil.Process(pid).suspend()
    quantizer.close()
    assert not is_alive(pid)


def python(program: str) -> EngineCommand:
    return EngineCommand([sys.executable, "-u", "-c", program], {})


@pytest.mark.parametrize(
    "program",
    ["print('hello')", 'print(\'{"type": "Quantized"}\')', "print('x' * 1_000_000, end='', flush=True); input()"],
    ids=["words", "half an answer", "an endless line"],
)
def test_one_that_talks_nonsense_is_ended(program: str, tiny: Path, making: Making, qtbot: QtBot) -> None:
    quantizer = making(tiny, tiny.with_name("q.gguf"), command=python(f"input(); {program}; input()"))
    quantizer.start()
    problem = problem_of(quantizer.until_ended(qtbot))
    assert "broke the protocol" in problem.detail
    assert "memory" not in problem.title  # it was we who killed it


def test_one_that_ends_without_a_word_is_told_with_its_last_words(tiny: Path, making: Making, qtbot: QtBot) -> None:
    quantizer = making(tiny, tiny.with_name("q.gguf"), command=python("input(); raise SystemExit('so long')"))
    quantizer.start()
    problem = problem_of(quantizer.until_ended(qtbot))
    assert "exit code 1" in problem.detail
    assert "so long" in problem.detail


def test_a_program_that_is_not_there_is_told(tiny: Path, making: Making, qtbot: QtBot) -> None:
    quantizer = making(tiny, tiny.with_name("q.gguf"), command=EngineCommand([str(tiny / "nothing")], {}))
    quantizer.start()
    assert "cannot be started" in problem_of(quantizer.until_ended(qtbot)).title


_APP = """
import sys, msgspec
from PySide6.QtCore import QCoreApplication, QProcess
from llamadesk.bridge.command import engine_command
from llamadesk.bridge.quantizer import Quantizer
from llamadesk.core.quantize import QuantizeRequest

app = QCoreApplication([])
quantizer = Quantizer(engine_command(), msgspec.json.decode(sys.argv[1], type=QuantizeRequest))
pid = []
def tell(fraction):
    if fraction > 0.2:
        print(quantizer.findChild(QProcess).processId(), flush=True)
quantizer.progressed.connect(tell)
quantizer.start()
app.exec()
"""


def test_it_ends_with_an_app_that_is_killed_and_leaves_nothing(large: Path) -> None:
    request = QuantizeRequest(str(large), str(large.with_name("q.gguf")), "Q3_K_M", n_threads=1)
    app = subprocess.Popen(
        [sys.executable, "-c", _APP, msgspec.json.encode(request).decode()],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **engine_command().env},
    )
    with app:
        assert app.stdout is not None
        try:
            pid = int(app.stdout.readline())
        finally:
            app.kill()
    assert gone_within(pid, seconds=20)
    assert names_in(large.parent) == [large.name]
