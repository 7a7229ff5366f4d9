"""Models are quantized by the real process: what it makes, and what becomes of it when something is in the way."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import psutil
import pytest
from engine_driver import EngineDriver, user
from small_disks import fill_disk
from tiny_models import TinyModel, write_tiny_llama

import llamadesk
from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.core.gguf import read_facts
from llamadesk.core.gguf_header import read_header
from llamadesk.core.gguf_sets import part_paths, read_whole_header
from llamadesk.core.protocol import ENGINE_FLAG, Finished, Loaded
from llamadesk.core.quantize import (
    PART_PREFIX,
    TARGETS,
    Origin,
    QuantizeAnswer,
    QuantizeCancelled,
    Quantized,
    QuantizeFailed,
    QuantizeProgress,
    QuantizeRequest,
    answer_decoder,
    expected_bytes,
    origin_of,
    quantized_bytes,
)
from llamadesk.engine import new_file
from llamadesk.engine.quantize import QuantizeStopped, Quantizing

TinyWriter = Callable[..., Path]
PATIENCE_SECONDS = 120


class Process:
    """`--engine --quantize`, as the window starts it."""

    def __init__(self, source: Path, target: Path, quantization: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "llamadesk", ENGINE_FLAG, "--quantize"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": str(Path(llamadesk.__file__).resolve().parents[1])},
        )
        assert self._process.stdin is not None
        request = QuantizeRequest(str(source), str(target), quantization, n_threads=1)
        self._process.stdin.write(msgspec.json.encode(request) + b"\n")
        self._process.stdin.flush()
        self._decoder = answer_decoder()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()

    def next(self) -> QuantizeAnswer | None:
        """The next answer; None where the process ended without one."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        return self._decoder.decode(line) if line else None

    def until_progress(self, n_done: int = 0) -> None:
        """Wait until so many tensors are done and it goes on with the next."""
        while True:
            answer = self.next()
            assert isinstance(answer, QuantizeProgress), answer
            if answer.n_done >= n_done:
                return

    def rest(self) -> list[QuantizeAnswer]:
        """All that is still answered, and then the process ends by itself."""
        answers = []
        while (answer := self.next()) is not None:
            answers.append(answer)
        assert self._process.wait(PATIENCE_SECONDS) == 0
        return answers

    def cancel(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    @property
    def worker(self) -> psutil.Process:
        """The one that llama.cpp works in."""
        (worker,) = psutil.Process(self._process.pid).children()
        return worker


def quantized(source: Path, target: Path, quantization: str) -> list[QuantizeAnswer]:
    with Process(source, target, quantization) as process:
        return process.rest()


def problem_in(answers: list[QuantizeAnswer]) -> Problem:
    assert isinstance(answers[-1], QuantizeFailed), answers
    return answers[-1].problem


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(scope="module")
def large_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_llama(tmp_path_factory.mktemp("large") / "large.gguf", TinyModel(n_embd=512, n_layers=8))


@pytest.fixture
def large(large_model: Path, tmp_path: Path) -> Path:
    """A model that takes a second or more, in a folder of its own."""
    folder = tmp_path / "large"
    folder.mkdir()
    return Path(shutil.copy(large_model, folder))


# --- What is made -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("quantization", ["Q4_0", "Q8_0", "Q4_K_M"])
def test_a_model_is_made_smaller_and_still_writes(
    quantization: str, tiny: TinyWriter, tmp_path: Path, idle_engine: EngineDriver
) -> None:
    source = tiny("tiny ü.gguf", n_embd=256)
    before = source.read_bytes()
    target = tmp_path / f"tiny ü.{quantization}.gguf"
    answers = quantized(source, target, quantization)
    assert answers[-1] == Quantized(str(target), target.stat().st_size)
    assert names_in(tmp_path) == sorted([source.name, target.name])
    assert source.read_bytes() == before
    facts, header = read_facts(target), read_header(target)
    assert facts.quantization == quantization
    assert facts.tensor_bytes < 0.7 * read_facts(source).tensor_bytes
    assert origin_of(header) == Origin(source.name, "F16")
    loaded = idle_engine.load(target, n_ctx=256, n_threads=1)
    assert isinstance(loaded, Loaded), loaded
    reply = idle_engine.chat(user("hello"), max_tokens=8)
    assert isinstance(reply.end, Finished)
    assert reply.end.stats.n_generated > 0
    idle_engine.unload()


def test_a_model_in_parts_becomes_one_file(tiny: TinyWriter, tmp_path: Path, idle_engine: EngineDriver) -> None:
    source = tiny("parts.gguf", n_embd=256, tensors_per_file=6)
    parts = names_in(tmp_path)
    assert len(parts) > 2
    target = tmp_path / "parts.Q4_0.gguf"
    answers = quantized(source, target, "Q4_0")
    assert isinstance(answers[-1], Quantized), answers[-1]
    assert names_in(tmp_path) == sorted([*parts, target.name])
    whole = read_whole_header(source)
    assert {tensor.name for tensor in read_header(target).tensors} == {tensor.name for tensor in whole.tensors}
    fractions = [answer.fraction for answer in answers if isinstance(answer, QuantizeProgress)]
    assert fractions == sorted(fractions)
    assert isinstance(idle_engine.load(target, n_ctx=256, n_threads=1), Loaded)
    idle_engine.unload()


def test_a_part_that_is_missing_is_told(tiny: TinyWriter, tmp_path: Path) -> None:
    source = tiny("parts.gguf", n_embd=64, tensors_per_file=6)
    part_paths(source)[1].unlink()
    problem = problem_in(quantized(source, tmp_path / "q.gguf", "Q4_0"))
    assert problem.code is ProblemCode.MODEL_DAMAGED
    assert problem.title.startswith("Part 2 of the")


def test_progress_is_told_by_tensor(tiny: TinyWriter, tmp_path: Path) -> None:
    source = tiny(n_embd=64)
    *progress, _ = quantized(source, tmp_path / "q.gguf", "Q4_0")
    n_tensors = len(read_header(source).tensors)
    assert all(isinstance(answer, QuantizeProgress) for answer in progress)
    assert [answer.n_done for answer in progress] == list(range(n_tensors))
    assert {answer.n_tensors for answer in progress} == {n_tensors}
    fractions = [answer.fraction for answer in progress]
    assert fractions[0] == 0
    assert fractions == sorted(fractions)
    assert 0.5 < fractions[-1] < 1


@pytest.mark.parametrize("quantization", TARGETS)
def test_the_size_is_what_was_foreseen(quantization: str, tmp_path: Path) -> None:
    source = write_tiny_llama(tmp_path / "m.gguf", TinyModel(n_embd=256, n_layers=8))
    target = tmp_path / "q.gguf"
    made = Quantizing(QuantizeRequest(str(source), str(target), quantization, 1), lambda _: None).run()
    assert made.size_bytes == target.stat().st_size
    expected = expected_bytes(read_header(source).tensors, TARGETS[quantization])
    assert read_facts(target).tensor_bytes == pytest.approx(expected, rel=0.03)
    foreseen = quantized_bytes(read_header(source), source.stat().st_size, TARGETS[quantization])
    assert made.size_bytes == pytest.approx(foreseen, rel=0.03)


def test_what_was_quantized_already_is_quantized_again(
    starter_model: Path, tmp_path: Path, idle_engine: EngineDriver
) -> None:
    target = tmp_path / "starter.Q4_0.gguf"
    answers = quantized(starter_model, target, "Q4_0")
    assert isinstance(answers[-1], Quantized), answers[-1]
    assert origin_of(read_header(target)) == Origin(starter_model.name, "Q4_1")
    assert target.stat().st_size < starter_model.stat().st_size
    assert isinstance(idle_engine.load(target, n_ctx=512, n_threads=1), Loaded)
    reply = idle_engine.chat(user("What is the capital of France? Answer in one sentence."), max_tokens=40)
    assert "Paris" in reply.text
    idle_engine.unload()


# --- What is not ------------------------------------------------------------------------------------------------------


def test_a_cancelled_one_leaves_nothing(large: Path) -> None:
    with Process(large, large.with_name("q.gguf"), "Q3_K_M") as process:
        process.until_progress(3)
        assert any(name.startswith(PART_PREFIX) for name in names_in(large.parent))
        worker = process.worker
        process.cancel()
        assert process.rest()[-1] == QuantizeCancelled()
        assert not worker.is_running()
    assert names_in(large.parent) == [large.name]


def test_one_that_was_cancelled_before_it_began_leaves_nothing(tiny: TinyWriter, tmp_path: Path) -> None:
    source = tiny(n_embd=64)
    quantizing = Quantizing(QuantizeRequest(str(source), str(tmp_path / "q.gguf"), "Q4_0"), lambda _: None)
    quantizing.cancel()
    with pytest.raises(QuantizeStopped):
        quantizing.run()
    assert names_in(tmp_path) == [source.name]


def test_the_next_try_clears_away_what_a_killed_one_left(large: Path) -> None:
    target = large.with_name("q.gguf")
    with Process(large, target, "Q3_K_M") as process:
        process.until_progress(3)
        worker = process.worker
        process.kill()
        assert worker.wait(PATIENCE_SECONDS) is None  # by itself: its input has ended
    assert not target.exists()
    answers = quantized(large, target, "Q4_0")
    assert isinstance(answers[-1], Quantized)
    assert names_in(large.parent) == sorted([large.name, target.name])


def test_a_worker_that_is_killed_is_a_problem_in_words(large: Path) -> None:
    with Process(large, large.with_name("q.gguf"), "Q3_K_M") as process:
        process.until_progress(3)
        process.worker.kill()
        problem = problem_in(process.rest())
    assert problem.code is ProblemCode.QUANTIZE_FAILED
    assert problem.title == "The model could not be quantized."
    assert names_in(large.parent) == [large.name]


def test_a_source_that_becomes_shorter_is_damaged(large: Path) -> None:
    with Process(large, large.with_name("q.gguf"), "Q3_K_M") as process:
        process.until_progress(3)
        os.truncate(large, large.stat().st_size // 3)
        problem = problem_in(process.rest())
    assert problem.code is ProblemCode.MODEL_DAMAGED
    assert names_in(large.parent) == [large.name]


def test_a_source_that_vanishes_is_missing(large: Path) -> None:
    with Process(large, large.with_name("q.gguf"), "Q3_K_M") as process:
        process.until_progress(3)
        large.unlink()
        problem = problem_in(process.rest())
    assert problem.code is ProblemCode.MODEL_MISSING
    assert names_in(large.parent) == []


def test_a_source_that_changes_meanwhile_is_not_taken(large: Path) -> None:
    with Process(large, large.with_name("q.gguf"), "Q3_K_M") as process:
        process.until_progress(3)
        os.utime(large, ns=(1, 1))
        problem = problem_in(process.rest())
    assert problem.title == "The model's file was changed meanwhile."
    assert names_in(large.parent) == [large.name]


def test_weights_that_are_no_numbers_are_damage(tiny: TinyWriter, tmp_path: Path) -> None:
    source = tiny(n_embd=64)
    size = source.stat().st_size
    with source.open("r+b") as file:
        file.seek(size - 2048)
        file.write(b"\x00\x7e" * 512)  # of F16
    problem = problem_in(quantized(source, tmp_path / "q.gguf", "Q4_0"))
    assert problem.code is ProblemCode.MODEL_DAMAGED
    assert "no numbers" in problem.title
    assert names_in(tmp_path) == [source.name]


def test_a_source_that_is_no_model_is_explained(tiny: TinyWriter, tmp_path: Path) -> None:
    target = tmp_path / "q.gguf"
    missing = problem_in(quantized(tmp_path / "nowhere.gguf", target, "Q4_0"))
    assert missing.code is ProblemCode.MODEL_MISSING
    source = tiny(n_embd=64)
    os.truncate(source, source.stat().st_size - 5000)
    cut = problem_in(quantized(source, target, "Q4_0"))
    assert cut.code is ProblemCode.MODEL_DAMAGED
    source.write_bytes(b"<html>" * 1000)
    assert problem_in(quantized(source, target, "Q4_0")).code is ProblemCode.MODEL_NOT_GGUF
    assert names_in(tmp_path) == [source.name]


def test_a_file_that_is_there_already_stays(tiny: TinyWriter, tmp_path: Path) -> None:
    source, target = tiny(n_embd=64), tmp_path / "q.gguf"
    target.write_text("mine")
    problem = problem_in(quantized(source, target, "Q4_0"))
    assert problem.title == "There is a file q.gguf already."
    assert target.read_text() == "mine"
    same = problem_in(quantized(source, source, "Q4_0"))
    assert same.title == f"There is a file {source.name} already."
    assert names_in(tmp_path) == sorted(["q.gguf", source.name])


def test_a_file_that_appears_meanwhile_stays(large: Path) -> None:
    target = large.with_name("q.gguf")
    with Process(large, target, "Q3_K_M") as process:
        process.until_progress(3)
        target.write_text("mine")
        problem = problem_in(process.rest())
    assert problem.title == "There is a file q.gguf already."
    assert target.read_text() == "mine"
    assert names_in(large.parent) == sorted([large.name, target.name])


def test_what_would_not_become_smaller_is_refused(starter_model: Path, tmp_path: Path) -> None:
    target = tmp_path / "q.gguf"
    assert "larger and no better" in problem_in(quantized(starter_model, target, "Q8_0")).title
    assert "would be no smaller" in problem_in(quantized(starter_model, target, "Q4_K_M")).title  # by its odd shape
    assert problem_in(quantized(starter_model, target, "Q9_X")).code is ProblemCode.QUANTIZE_FAILED
    assert names_in(tmp_path) == []


def test_a_folder_that_is_not_there_is_explained(tiny: TinyWriter, tmp_path: Path) -> None:
    problem = problem_in(quantized(tiny(n_embd=64), tmp_path / "nowhere" / "q.gguf", "Q4_0"))
    assert problem.title == "The folder nowhere is not there."


def test_what_is_no_request_ends_the_process() -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "llamadesk", ENGINE_FLAG, "--quantize"],
        input=b"hello\n",
        capture_output=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(Path(llamadesk.__file__).resolve().parents[1])},
        timeout=PATIENCE_SECONDS,
    )
    assert (done.returncode, done.stdout) == (2, b"")


# --- The disk ---------------------------------------------------------------------------------------------------------


def test_too_little_space_is_told_before_anything_is_written(small_disk: Path, tiny: TinyWriter) -> None:
    problem = problem_in(quantized(tiny(n_embd=64), small_disk / "q.gguf", "Q4_0"))
    assert problem.code is ProblemCode.DISK_FULL
    assert "MB are needed there, and 2 MB are free" in problem.title
    assert names_in(small_disk) == []


def test_a_disk_that_becomes_full_is_told(small_disk: Path, large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new_file, "needed_bytes", lambda n_bytes: 0)  # the space was there when it was asked for
    target = small_disk / "q.gguf"
    with pytest.raises(ProblemError) as full:
        Quantizing(QuantizeRequest(str(large), str(target), "Q4_0", 1), lambda _: None).run()
    assert full.value.problem.code is ProblemCode.DISK_FULL
    assert "became full" in full.value.problem.title
    assert names_in(small_disk) == []


def test_a_disk_that_is_full_from_the_start_is_told(
    small_disk: Path, tiny: TinyWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(new_file, "needed_bytes", lambda n_bytes: 0)
    filler = fill_disk(small_disk)
    with pytest.raises(ProblemError) as full:
        Quantizing(QuantizeRequest(str(tiny(n_embd=64)), str(small_disk / "q.gguf"), "Q4_0", 1), lambda _: None).run()
    assert full.value.problem.code is ProblemCode.DISK_FULL
    assert names_in(small_disk) == [filler.name]


def test_a_result_that_cannot_be_put_in_place_leaves_nothing(
    tiny: TinyWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tiny(n_embd=64)

    def fail(fd: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(new_file.os, "fsync", fail)
    with pytest.raises(ProblemError) as failed:
        Quantizing(QuantizeRequest(str(source), str(tmp_path / "q.gguf"), "Q4_0", 1), lambda _: None).run()
    assert failed.value.problem.title == "q.gguf could not be written."
    assert names_in(tmp_path) == [source.name]


def test_it_can_be_cancelled_from_another_thread(large: Path) -> None:
    target = large.with_name("q.gguf")
    quantizing: Quantizing

    def cancel(progress: QuantizeProgress) -> None:
        if progress.n_done == 3:
            canceller.start()

    quantizing = Quantizing(QuantizeRequest(str(large), str(target), "Q3_K_M", 1), cancel)
    canceller = threading.Thread(target=quantizing.cancel)
    with pytest.raises(QuantizeStopped):
        quantizing.run()
    canceller.join()
    assert names_in(large.parent) == [large.name]


def test_nothing_is_written_into_the_folder_of_the_source(tiny: TinyWriter, tmp_path: Path) -> None:
    source, elsewhere = tiny(n_embd=64), tmp_path / "elsewhere ü"
    elsewhere.mkdir()
    shutil.copy(source, elsewhere / "other.gguf")
    assert isinstance(quantized(source, elsewhere / "q.gguf", "Q4_0")[-1], Quantized)
    assert names_in(tmp_path) == sorted([source.name, elsewhere.name])
    assert names_in(elsewhere) == ["other.gguf", "q.gguf"]
