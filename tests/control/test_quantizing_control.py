"""Making a model smaller from the window: what is offered, what comes of it, and whatever may be in the way."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest
from PySide6.QtCore import QProcess
from tiny_models import TinyModel, write_tiny_llama

from llamadesk.control import awake
from llamadesk.control.desk import Desk
from llamadesk.control.models.quantizing import QuantizeOffer, seconds_left
from llamadesk.core.errors import ProblemCode
from llamadesk.core.gguf import read_facts
from llamadesk.core.quantize import REQUANTIZING, part_path
from llamadesk.core.settings import KEEP_AWAKE
from llamadesk.library.scan import read_model
from llamadesk.state.engine import Phase
from tests.control.desk_driver import DeskDriver


class Lab(NamedTuple):
    """A desk, and its driver."""

    driver: DeskDriver
    desk: Desk

    def offer(self, source: Path, quantization: str = "Q4_0") -> QuantizeOffer:
        offers: list[QuantizeOffer] = []

        async def ask() -> None:
            offers.append(await self.desk.quantizing.offer(read_model(source), quantization))

        self.driver.run(ask())
        return offers[0]

    def start(self, source: Path, quantization: str = "Q4_0") -> None:
        self.desk.quantizing.start(read_model(source), quantization)

    def until_at_work(self) -> None:
        job = self.desk.quantizing.state
        self.driver.until(lambda: job.job is not None and job.job.fraction > 0.2, 50)

    def until_done(self) -> None:
        self.driver.until(lambda: not self.desk.quantizing.busy, 50)

    @property
    def process(self) -> psutil.Process:
        process = self.desk.quantizing.findChild(QProcess)
        assert process is not None
        return psutil.Process(process.processId())


@pytest.fixture
def lab(driver: DeskDriver, models: Path) -> Lab:
    """With the scripted engine: what is made here is made by the real one, in a process of its own."""
    model = write_tiny_llama(models / "loaded.gguf", TinyModel(n_embd=64))
    return Lab(driver, driver.open(driver.fake({}), model))


@pytest.fixture
def models(driver: DeskDriver) -> Path:
    driver.folders.models.mkdir(parents=True)
    return driver.folders.models


@pytest.fixture
def tiny(models: Path) -> Path:
    return write_tiny_llama(models / "tiny-f16.gguf", TinyModel(n_embd=64))


@pytest.fixture(scope="module")
def large_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_llama(tmp_path_factory.mktemp("large") / "large-f16.gguf", TinyModel(n_embd=512, n_layers=8))


@pytest.fixture
def large(large_model: Path, models: Path) -> Path:
    """A model that takes a second or more."""
    return Path(shutil.copy(large_model, models))


def unfinished(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.suffix == ".part"]


# --- What is offered --------------------------------------------------------------------------------------------------


def test_an_offer_says_what_comes_of_it(lab: Lab, tiny: Path) -> None:
    offer = lab.offer(tiny)
    assert offer.target == tiny.with_name("tiny.Q4_0.gguf")
    assert 0 < offer.expected_bytes < tiny.stat().st_size
    assert offer.free_bytes == pytest.approx(shutil.disk_usage(tiny.parent).free, rel=0.5)
    assert (offer.problem, offer.warning) == (None, "")


def test_a_view_is_told_what_it_asked_for(lab: Lab, tiny: Path) -> None:
    offers: list[QuantizeOffer] = []
    lab.desk.quantizing.offered.connect(offers.append)
    for quantization in ("Q8_0", "Q4_0"):
        lab.desk.quantizing.ask(read_model(tiny), quantization)
    lab.driver.until(lambda: len(offers) == 2)
    assert [offer.quantization for offer in offers] == ["Q8_0", "Q4_0"]
    assert offers[0].expected_bytes > offers[1].expected_bytes


def test_what_was_quantized_before_is_warned_of(lab: Lab, starter_model: Path) -> None:
    offer = lab.offer(starter_model)
    assert offer.warning == REQUANTIZING
    assert offer.target == lab.driver.folders.models / "SmolLM2-135M-Instruct.Q4_0.gguf"  # not beside what came with us
    assert offer.problem is None


def test_little_memory_is_a_warning_and_no_refusal(lab: Lab, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Memory:
        available = 90_000_000
        total = 100_000_000

    monkeypatch.setattr(psutil, "virtual_memory", Memory)
    offer = lab.offer(tiny)
    assert "Only 90 MB of memory are free" in offer.warning
    assert offer.problem is None


def test_what_makes_no_sense_is_refused(lab: Lab, starter_model: Path) -> None:
    problem = lab.offer(starter_model, "Q8_0").problem
    assert problem is not None
    assert "larger and no better" in problem.title


@pytest.mark.allow_log("model_missing")
def test_a_source_that_is_gone_is_told(lab: Lab, tiny: Path) -> None:
    file = read_model(tiny)
    tiny.unlink()
    lab.desk.quantizing.start(file, "Q4_0")
    lab.driver.until(lambda: lab.driver.notices)
    assert not lab.desk.quantizing.busy


def test_nothing_is_put_into_the_folder_of_another_app(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    theirs = tmp_path / "home" / ".lmstudio" / "models" / "someone" / "Tiny-GGUF"
    theirs.mkdir(parents=True)
    source = write_tiny_llama(theirs / "tiny-f16.gguf", TinyModel(n_embd=64))
    offer = lab.offer(source)
    assert offer.target == lab.driver.folders.models / "tiny.Q4_0.gguf"
    lab.start(source)
    lab.driver.until(lambda: lab.driver.notices, 50)
    assert offer.target.exists()
    assert [path.name for path in theirs.iterdir()] == [source.name]


# --- What comes of it -------------------------------------------------------------------------------------------------


def test_a_model_is_made_and_used(driver: DeskDriver, models: Path, tiny: Path) -> None:
    lab = Lab(driver, driver.open(model=tiny))
    driver.until(lambda: lab.desk.engine.status.phase is Phase.READY)
    fractions: list[float] = []
    state = lab.desk.quantizing.state
    state.changed.connect(lambda: fractions.append(state.job.fraction if state.job is not None else -1))
    lab.start(tiny)
    driver.until(lambda: driver.notices, 50)
    made = models / "tiny.Q4_0.gguf"
    (notice,) = driver.notices
    assert notice.text.startswith("“tiny.Q4_0.gguf” is ready: ")
    assert (notice.action_label, notice.stays) == ("Use it", True)
    assert fractions[0] == 0
    assert fractions[-1] == -1
    assert fractions[:-1] == sorted(fractions[:-1])
    assert state.job is None
    driver.until(lambda: lab.desk.models.file_at(made))
    lab.desk.notices.act(notice.action_id)
    driver.until(lambda: lab.desk.engine.model is not None and lab.desk.engine.model.path == str(made))
    assert lab.desk.models.chosen is not None
    assert lab.desk.models.chosen.facts.quantization == "Q4_0"
    family = lab.desk.models.chosen_family
    assert family is not None
    assert {file.facts.quantization for file in family.files} == {"F16", "Q4_0"}


@pytest.mark.allow_log("quantize_failed")
def test_one_at_a_time(lab: Lab, large: Path, tiny: Path) -> None:
    lab.start(large, "Q3_K_M")
    lab.start(tiny)
    lab.until_at_work()
    assert lab.desk.quantizing.state.is_making(large, "Q3_K_M")
    other = lab.offer(tiny).problem
    assert other is not None
    assert other.advice
    (notice,) = lab.driver.notices
    assert notice.text == other.text
    lab.desk.quantizing.cancel()
    lab.until_done()
    assert lab.offer(tiny).problem is None


def test_cancelled_in_the_middle_it_leaves_nothing(lab: Lab, large: Path) -> None:
    lab.start(large, "Q3_K_M")
    lab.until_at_work()
    assert unfinished(large.parent)
    lab.desk.quantizing.cancel()
    job = lab.desk.quantizing.state.job
    assert job is not None
    assert job.is_ending
    lab.until_done()
    assert lab.desk.quantizing.state.job is None
    assert not unfinished(large.parent)
    assert not large.with_name("large.Q3_K_M.gguf").exists()
    assert lab.driver.notices == []


@pytest.mark.allow_log("quantize_failed")
def test_a_killed_process_is_told_and_what_it_left_is_cleared_away(lab: Lab, large: Path) -> None:
    lab.start(large, "Q3_K_M")
    lab.until_at_work()
    lab.process.kill()
    lab.driver.until(lambda: lab.driver.notices)
    (notice,) = lab.driver.notices
    assert notice.action_label == "Try again"
    assert "SIGKILL" in notice.detail
    lab.driver.until(lambda: not unfinished(large.parent))
    lab.desk.notices.act(notice.action_id)
    lab.driver.until(lambda: len(lab.driver.notices) == 2, 50)
    assert read_facts(large.with_name("large.Q3_K_M.gguf")).quantization == "Q3_K_M"


@pytest.mark.allow_log("model_missing")
def test_a_source_that_vanishes_is_told_and_listed_no_more(lab: Lab, large: Path) -> None:
    lab.desk.library.rescan()
    lab.driver.until(lambda: lab.desk.models.file_at(large))
    lab.start(large, "Q3_K_M")
    lab.until_at_work()
    large.unlink()
    lab.driver.until(lambda: lab.driver.notices, 50)
    lab.driver.until(lambda: not lab.desk.models.file_at(large))
    assert lab.driver.notices[0].action_label == "Try again"
    assert not unfinished(large.parent)


@pytest.mark.allow_log("quantize_failed")
def test_a_name_that_is_taken_stays(lab: Lab, tiny: Path) -> None:
    target = tiny.with_name("tiny.Q4_0.gguf")
    target.write_bytes(b"mine")
    problem = lab.offer(tiny).problem
    assert problem is not None
    assert problem.title == "There is a file tiny.Q4_0.gguf already."
    lab.start(tiny)
    lab.driver.until(lambda: lab.driver.notices)
    assert lab.driver.notices[0].text == problem.text
    assert target.read_bytes() == b"mine"
    assert not lab.desk.quantizing.busy


@pytest.mark.allow_log("disk_full")
def test_a_disk_with_too_little_room_is_told_before(lab: Lab, small_disk: Path) -> None:
    source = write_tiny_llama(small_disk / "tiny-f16.gguf", TinyModel(n_embd=64))
    offer = lab.offer(source)
    assert offer.target.parent == small_disk
    assert offer.problem is not None
    assert offer.problem.code is ProblemCode.DISK_FULL
    assert offer.free_bytes < 2_100_000
    lab.start(source)
    lab.driver.until(lambda: lab.driver.notices)
    assert [path.name for path in small_disk.iterdir()] == [source.name]


# --- Beside everything else -------------------------------------------------------------------------------------------


def test_closing_the_app_ends_it_and_leaves_nothing(lab: Lab, large: Path) -> None:
    lab.start(large, "Q3_K_M")
    lab.until_at_work()
    process = lab.process
    lab.driver.close(lab.desk)
    assert not process.is_running()
    assert not unfinished(large.parent)
    assert not large.with_name("large.Q3_K_M.gguf").exists()


def test_closing_the_app_kills_what_does_not_end_and_clears_away_after_it(lab: Lab, large: Path) -> None:
    lab.start(large, "Q3_K_M")
    lab.until_at_work()
    lab.process.suspend()
    lab.driver.close(lab.desk)
    assert not part_path(large.with_name("large.Q3_K_M.gguf")).exists()


def test_nothing_is_started_once_the_app_ends(lab: Lab, tiny: Path) -> None:
    control = lab.desk.quantizing
    lab.start(tiny)
    control.end()
    lab.driver.until(lambda: not control.busy)
    assert control.state.job is None
    assert not tiny.with_name("tiny.Q4_0.gguf").exists()


def test_the_machine_stays_awake_meanwhile(lab: Lab, large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAKEPY_FAKE_SUCCESS", "1")
    monkeypatch.setattr(awake, "_AFTER_SECONDS", 0.01)
    keeper = lab.desk.quantizing._awake
    lab.start(large, "Q3_K_M")
    lab.driver.until(lambda: keeper.held)
    lab.desk.preferences.set(KEEP_AWAKE, False)
    assert not keeper.held
    lab.desk.preferences.set(KEEP_AWAKE, True)
    lab.driver.until(lambda: keeper.held)
    lab.desk.quantizing.cancel()
    lab.until_done()
    assert not keeper.held
    lab.driver.until(lambda: not [thread for thread in threading.enumerate() if thread.name == "awake"])


def test_what_is_left_is_told_once_it_can_be() -> None:
    assert seconds_left(0.0, 100) is None
    assert seconds_left(0.5, 1) is None
    assert seconds_left(0.25, 60) == 180
    assert seconds_left(1.0, 60) == 0
