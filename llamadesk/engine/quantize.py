"""Makes a file with a model in another quantization: the process that the window starts (`--engine --quantize`).

llama.cpp writes a file of another name, in a process of its own (`quantize_work`); it gets its name when it is whole
and on the disk. Whatever happens to llama.cpp, to the disk or to the file it reads is answered in plain words.
"""

from __future__ import annotations

import logging
import os
import subprocess
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Final, NoReturn

import msgspec

from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.core.gguf import facts_of
from llamadesk.core.gguf_header import Header, file_problem, read_header
from llamadesk.core.gguf_sets import part_paths, read_whole_header
from llamadesk.core.quantize import (
    TARGETS,
    Origin,
    QuantizeAnswer,
    QuantizeCancelled,
    Quantized,
    QuantizeFailed,
    QuantizeProgress,
    QuantizeRequest,
    Target,
    can_quantize,
    disk_full,
    expected_bytes,
    larger_problem,
    quantized_bytes,
)
from llamadesk.engine.children import start_child
from llamadesk.engine.new_file import NewFile
from llamadesk.engine.pipe import EXIT_OK, EXIT_PROTOCOL, end_process
from llamadesk.engine.priority import FAR, give_way
from llamadesk.engine.quantize_work import WORK_FLAG, Begun, Ended, Order, Report
from llamadesk.engine.troubles import log_bug

_log = logging.getLogger(__name__)
_DAMAGED_WORDS: Final = ("invalid data", "validation failed")
"""How llama.cpp says that weights are no numbers."""
_GOODBYE_SECONDS: Final = 10.0
_STDIN, _STDOUT = 0, 1


class QuantizeStopped(Exception):  # noqa: N818 - not an error
    """`Quantizing.cancel` was called before the file was made."""


class Quantizing:
    """One model that is being quantized. `cancel` may be called from any thread."""

    def __init__(self, request: QuantizeRequest, on_progress: Callable[[QuantizeProgress], None]) -> None:
        """Do nothing yet. `on_progress` is called by `run`, as each tensor is begun."""
        self._source = Path(request.source).absolute()
        self._file = NewFile(Path(request.target).absolute())
        self._quantization = request.quantization
        self._n_threads = request.n_threads
        self._on_progress = on_progress
        self._lock = threading.Lock()
        self._stopped = False
        self._worker: subprocess.Popen[bytes] | None = None

    def run(self) -> Quantized:
        """Make the file; blocks for minutes.

        Raises:
            ProblemError: nothing was made. MODEL_* of the source, DISK_FULL, or QUANTIZE_FAILED.
            QuantizeStopped: it was cancelled, and nothing was made.
        """
        stamp = self._stamp()
        header, target = self._checked()
        self._file.begin()
        try:
            self._let_work(header, target)
            self._check_result(header, target)
            if self._stamp() != stamp:
                _fail("The model's file was changed meanwhile.", "Try again when nothing else works on it.")
            self._file.sync()
            with self._lock:  # from here on it is too late to cancel
                if self._stopped:
                    raise QuantizeStopped
                n_bytes = self._file.put_in_place()
            return Quantized(str(self._file.target), n_bytes)
        finally:
            self._file.discard()

    def cancel(self) -> None:
        """Let `run` raise QuantizeStopped soon, if it has not made the file yet."""
        with self._lock:
            self._stopped = True
            if self._worker is not None:
                self._worker.kill()

    # --- Before ---

    def _stamp(self) -> list[tuple[int, int]]:
        """What tells whether the source is still the same: size and time of it and of its other parts."""
        try:
            parts = [path for path in part_paths(self._source) if path == self._source or path.exists()]
            return [(found.st_size, found.st_mtime_ns) for found in (path.stat() for path in parts)]
        except (OSError, ValueError) as error:
            raise ProblemError(file_problem(self._source, error)) from error

    def _checked(self) -> tuple[Header, Target]:
        """The source's header and what it is made into, when nothing is against that."""
        target = TARGETS.get(self._quantization)
        if target is None:
            _fail("LlamaDesk cannot quantize a model that way.", "Choose another quantization.", self._quantization)
        header = read_whole_header(self._source)
        problem = can_quantize(facts_of(header), target) or larger_problem(header, target)
        if problem is not None:
            raise ProblemError(problem)
        self._file.check_place()
        size_bytes = sum(size for size, _ in self._stamp())
        self._file.check_space(quantized_bytes(header, size_bytes, target))
        return header, target

    # --- The work ---

    def _let_work(self, header: Header, target: Target) -> None:
        order = Order(
            source=str(self._source),
            folder=str(self._file.part.parent),
            name=self._file.part.name,
            file_type=target.file_type,
            texts=Origin(self._source.name, facts_of(header).quantization).values,
            n_threads=self._n_threads,
        )
        # A file, not a pipe: it fills up with nobody reading, and is not held open by a process that was left behind.
        with tempfile.TemporaryFile() as said:
            worker = self._start(order, said)
            try:
                ended = self._follow(worker, header)
            finally:
                _end(worker)
            if self._stopped:
                raise QuantizeStopped
            if ended is None:
                raise ProblemError(self._why(f"exit code {worker.returncode}: {_last_line(said)}", header, target))
            if ended.errors:
                raise ProblemError(self._why(" | ".join(ended.errors)[:500], header, target))

    def _start(self, order: Order, said: IO[bytes]) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._stopped:
                raise QuantizeStopped
            try:
                self._worker = start_child(WORK_FLAG, msgspec.json.encode(order).decode(), stderr=said)
            except OSError as error:
                _fail("The program that quantizes could not be started.", "Restart LlamaDesk.", str(error))
            return self._worker

    def _follow(self, worker: subprocess.Popen[bytes], header: Header) -> Ended | None:
        """Tell of the progress until the process ends; None where it did so without a word."""
        decoder: msgspec.json.Decoder[Report] = msgspec.json.Decoder(Begun | Ended)
        sizes = {tensor.name: tensor.n_bytes for tensor in header.tensors}
        total = sum(sizes.values())
        begun_bytes = 0
        for line in worker.stdout or ():
            try:
                report = decoder.decode(line)
            except msgspec.DecodeError:  # it was killed in the middle of a line
                return None
            if isinstance(report, Ended):
                return report
            self._on_progress(QuantizeProgress(min(1.0, begun_bytes / total), report.number - 1, report.n_tensors))
            begun_bytes += sizes.get(report.name, 0)
        return None

    # --- Afterwards ---

    def _why(self, detail: str, header: Header, target: Target) -> Problem:
        """What went wrong, as far as can be told from what there is now."""
        _log.info("llama.cpp could not quantize: %s", detail)
        try:
            read_whole_header(self._source)
            missing_bytes = expected_bytes(header.tensors, target) - self._file.written_bytes()
            free = self._file.free_bytes()
        except ProblemError as error:
            return error.problem
        if any(words in detail for words in _DAMAGED_WORDS):
            title = "The model's file is damaged: some of its weights are no numbers."
            return Problem(ProblemCode.MODEL_DAMAGED, title, "Download it again.", detail)
        if free < missing_bytes:
            return disk_full("It became full while the model was written.", detail)
        return _problem(
            "The model could not be quantized.",
            "It may be of a kind that cannot be, or its drive may have failed. Try another quantization.",
            detail,
        )

    def _check_result(self, header: Header, target: Target) -> None:
        """Make sure that what llama.cpp wrote is a whole model."""
        try:
            made = read_header(self._file.part)
        except ProblemError as error:
            _fail("The model that was written is not whole.", "Check its drive, and try again.", str(error))
        shapes = {tensor.name: tensor.shape for tensor in made.tensors}
        if made.values.get("general.file_type") != target.file_type or any(
            shapes.get(tensor.name) != tensor.shape for tensor in header.tensors
        ):
            _fail("The model that was written is not whole.", "Try another quantization.", "its header is another one")


def _end(worker: subprocess.Popen[bytes]) -> None:
    """Make sure that the process has ended, and let go of it."""
    worker.kill()
    with suppress(subprocess.TimeoutExpired):  # a drive that hangs keeps it
        worker.wait(_GOODBYE_SECONDS)
    for stream in (worker.stdin, worker.stdout):
        if stream is not None:
            stream.close()


def _last_line(said: IO[bytes]) -> str:
    said.seek(0)
    return " ".join(said.read().decode(errors="replace").strip().splitlines()[-1:])[:300]


def _problem(title: str, advice: str, detail: str = "") -> Problem:
    return Problem(ProblemCode.QUANTIZE_FAILED, title, advice, detail)


def _fail(title: str, advice: str, detail: str = "") -> NoReturn:
    raise ProblemError(_problem(title, advice, detail))


# --- The process ------------------------------------------------------------------------------------------------------


def main() -> NoReturn:
    """The process: a QuantizeRequest as a line of JSON on its input, QuantizeAnswers as such on its output."""
    give_way(FAR)
    try:
        request = msgspec.json.decode(_first_line(), type=QuantizeRequest)
    except (msgspec.DecodeError, UnicodeDecodeError):
        _log.warning("Not a request of ours: ending")
        end_process(EXIT_PROTOCOL)

    def say(answer: QuantizeAnswer) -> None:
        data = memoryview(msgspec.json.encode(answer) + b"\n")
        try:
            while data:
                data = data[os.write(_STDOUT, data) :]
        except OSError:  # nobody listens any more
            quantizing.cancel()

    quantizing = Quantizing(request, say)
    threading.Thread(target=_cancel_at_end_of_input, args=(quantizing,), name="end of input", daemon=True).start()
    say(_answer(quantizing))
    end_process(EXIT_OK)  # with the thread that still reads


def _answer(quantizing: Quantizing) -> QuantizeAnswer:
    try:
        return quantizing.run()
    except QuantizeStopped:
        return QuantizeCancelled()
    except ProblemError as error:
        _log.info("Not quantized: %s", error)
        return QuantizeFailed(error.problem)
    except Exception as error:
        log_bug("Quantizing", error)
        return QuantizeFailed(
            _problem("Something went wrong inside LlamaDesk.", "Try again.", f"{type(error).__name__}: {error}")
        )


def _first_line() -> bytes:
    line = b""
    while not line.endswith(b"\n") and (data := os.read(_STDIN, 65536)):
        line += data
    return line


def _cancel_at_end_of_input(quantizing: Quantizing) -> None:
    with suppress(OSError):
        while os.read(_STDIN, 65536):
            pass
    quantizing.cancel()
