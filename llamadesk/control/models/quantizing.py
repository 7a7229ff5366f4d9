"""Making a model's file smaller: what would come of it, and having it done beside everything else."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
from PySide6.QtCore import QObject, Signal, Slot

from llamadesk.bridge.command import EngineCommand, engine_command
from llamadesk.bridge.quantizer import Quantizer
from llamadesk.control.awake import StaysAwake
from llamadesk.control.library import ModelControl
from llamadesk.control.notices import NoticeKind
from llamadesk.control.rooms import Rooms
from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.core.gguf import facts_of
from llamadesk.core.gguf_sets import read_whole_header
from llamadesk.core.models import ModelFile
from llamadesk.core.paths import resources_dir, starter_model
from llamadesk.core.quantize import (
    REQUANTIZING,
    TARGETS,
    Quantized,
    QuantizeRequest,
    can_quantize,
    is_requantizing,
    larger_problem,
    name_taken,
    needed_bytes,
    part_path,
    quantized_bytes,
    space_problem,
)
from llamadesk.core.settings import THREADS
from llamadesk.core.sizes import bytes_text
from llamadesk.state.quantizing import QuantizeJob, QuantizeState

_ENOUGH_MEMORY_BYTES: Final = 600_000_000
"""Twice what the process takes, for the system keeps some of both files in memory as well."""
_ONE_AT_A_TIME: Final = Problem(
    ProblemCode.QUANTIZE_FAILED,
    "Another model is being made at the moment.",
    "Wait until it is done, or cancel it.",
)
_FIRST_ESTIMATE_SECONDS: Final = 2.0
_FIRST_ESTIMATE_FRACTION: Final = 0.02
"""Before both, what is done says little of what is left."""


class QuantizeOffer(msgspec.Struct, frozen=True):
    """What making a file would take and give.

    Attributes:
        source: what it would be made from.
        quantization: what it would be made into.
        target: where it would lie; the folder may have to be made.
        expected_bytes: of the file, to a few percent; 0 where the source cannot be read.
        free_bytes: on the disk of `target`.
        problem: why it cannot be done; None where it can.
        warning: what speaks against it, in words; "" where nothing does.
    """

    source: ModelFile
    quantization: str
    target: Path
    expected_bytes: int = 0
    free_bytes: int = 0
    problem: Problem | None = None
    warning: str = ""


class QuantizeControl(QObject):
    """Makes one model at a time, in a process of its own that gives way to everything else and ends with the app.

    Attributes:
        state: what is being made.
    """

    offered = Signal(object)
    """QuantizeOffer: what was asked for by `ask`."""

    def __init__(
        self,
        rooms: Rooms,
        library: ModelControl,
        parent: QObject | None = None,
        *,
        command: EngineCommand | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`command` starts the engine's program, the one that goes with the app by default; `clock` gives seconds."""
        super().__init__(parent)
        self.state = QuantizeState(self)
        self._rooms = rooms
        self._library = library
        self._command = command or engine_command(safe_mode=rooms.mode.safe)
        self._clock = clock
        self._awake = StaysAwake(rooms, self)
        self._quantizer: Quantizer | None = None
        self._is_beginning = self._has_ended = False
        self._begun_at = 0.0

    @property
    def busy(self) -> bool:
        """Whether one is under way, so that no other can be started."""
        return self._is_beginning or self._quantizer is not None

    # --- What is asked for ---

    async def offer(self, file: ModelFile, quantization: str) -> QuantizeOffer:
        """What it would take to make `quantization`, a name of `core.quantize.TARGETS`, of a file, and what it would
        give. Whatever is wrong with the file or the disk is the offer's `problem`."""
        offer = await self._look(file, quantization)
        if self.busy and offer.problem is None:
            return msgspec.structs.replace(offer, problem=_ONE_AT_A_TIME)
        return offer

    def ask(self, file: ModelFile, quantization: str) -> None:
        """The same for a view: `offered` follows."""
        self._rooms.tasks.start(self._tell(file, quantization))

    async def _tell(self, file: ModelFile, quantization: str) -> None:
        self.offered.emit(await self.offer(file, quantization))

    def start(self, file: ModelFile, quantization: str) -> None:
        """Make it; what hinders that becomes a notice, as does its end."""
        if self.busy:
            self._rooms.notices.problem(_ONE_AT_A_TIME, kind=NoticeKind.WARNING)
            return
        self._is_beginning = True
        self._rooms.tasks.start(self._begin(file, quantization))

    @Slot()
    def cancel(self) -> None:
        """Give up the one that is under way; nothing is left of it."""
        if self._quantizer is not None and self.state.job is not None:
            self.state.show(msgspec.structs.replace(self.state.job, seconds_left=None, is_ending=True))
            self._quantizer.cancel()

    def end(self) -> None:
        """The app ends, and with it what is under way. May block for a moment; nothing is started afterwards."""
        self._has_ended = True
        if self._quantizer is not None:
            self._quantizer.close()
            job = self._put_away()
            if job is not None:
                _clear_away(job.target)

    # --- Doing it ---

    async def _look(self, file: ModelFile, quantization: str) -> QuantizeOffer:
        return await self._rooms.tasks.read(_offer, file, quantization, self._library.models_folder)

    async def _begin(self, file: ModelFile, quantization: str) -> None:
        try:
            offer = await self._look(file, quantization)
            if offer.problem is not None:
                raise ProblemError(offer.problem)
            await self._rooms.tasks.read(_make_folder, offer.target.parent)
        finally:
            self._is_beginning = False
        if not self._has_ended:
            self._launch(offer)

    def _launch(self, offer: QuantizeOffer) -> None:
        n_threads = self._rooms.settings.get(THREADS, int)
        request = QuantizeRequest(str(offer.source.path), str(offer.target), offer.quantization, n_threads)
        self._quantizer = quantizer = Quantizer(self._command, request, self)
        quantizer.progressed.connect(self._on_progressed)
        quantizer.finished.connect(self._on_finished)
        quantizer.failed.connect(self._on_failed)
        quantizer.cancelled.connect(self._on_cancelled)
        self._begun_at = self._clock()
        self._awake.set_busy(True)
        self.state.show(QuantizeJob(offer.source, offer.quantization, offer.target))
        quantizer.start()

    @Slot(float)
    def _on_progressed(self, fraction: float) -> None:
        job = self.state.job
        if job is not None and not job.is_ending:
            left = seconds_left(fraction, self._clock() - self._begun_at)
            self.state.show(msgspec.structs.replace(job, fraction=fraction, seconds_left=left))

    @Slot(object)
    def _on_finished(self, made: Quantized) -> None:
        self._put_away()
        self._library.rescan()
        path = Path(made.path)
        self._rooms.notices.post(
            NoticeKind.INFO,
            f"“{path.name}” is ready: {bytes_text(made.size_bytes)}.",
            detail=str(path),
            action_label="Use it",
            action=lambda: self._library.add_file(path),
            stays=True,
        )

    @Slot(object)
    def _on_failed(self, problem: Problem) -> None:
        job = self._put_away()
        if job is None:
            return
        self._rooms.tasks.start(self._clear_away(job.target))
        if problem.code is ProblemCode.MODEL_MISSING:
            self._library.rescan()
        self._rooms.notices.problem(
            problem, action_label="Try again", action=lambda: self.start(job.source, job.quantization)
        )

    @Slot()
    def _on_cancelled(self) -> None:
        job = self._put_away()
        if job is not None:
            self._rooms.tasks.start(self._clear_away(job.target))

    def _put_away(self) -> QuantizeJob | None:
        """Let go of the process that has ended; returns what it worked on."""
        quantizer, self._quantizer = self._quantizer, None
        if quantizer is not None:
            quantizer.deleteLater()
        self._awake.set_busy(False)
        job = self.state.job
        self.state.show(None)
        return job

    async def _clear_away(self, target: Path) -> None:
        await self._rooms.tasks.read(_clear_away, target)


def seconds_left(fraction: float, seconds: float) -> float | None:
    """How many seconds are left when so much was done in so many; None where it is too early to tell."""
    if fraction < _FIRST_ESTIMATE_FRACTION or seconds < _FIRST_ESTIMATE_SECONDS:
        return None
    return seconds * (1 - fraction) / fraction


# --- Blocking, on another thread --------------------------------------------------------------------------------------


def _offer(file: ModelFile, quantization: str, models: Path) -> QuantizeOffer:
    from llamadesk.library.made import place_of_new  # noqa: PLC0415 - the thread that looks imports it

    target = TARGETS[quantization]
    place = place_of_new(file, quantization, models, _not_ours())
    offer = QuantizeOffer(file, quantization, place)
    try:
        header = read_whole_header(file.path)
        facts = facts_of(header)
        free = _free_bytes(place.parent)
    except ProblemError as error:
        return msgspec.structs.replace(offer, problem=error.problem)
    n_bytes = quantized_bytes(header, file.size_bytes, target)
    return msgspec.structs.replace(
        offer,
        expected_bytes=n_bytes,
        free_bytes=free,
        problem=can_quantize(facts, target)
        or larger_problem(header, target)
        or (name_taken(place) if os.path.lexists(place) else None)
        or space_problem(needed_bytes(n_bytes), free),
        warning=" ".join(filter(None, (REQUANTIZING if is_requantizing(facts) else "", _memory_warning()))),
    )


def _not_ours() -> list[Path]:
    """Folders that nothing is put into: those of other apps, and what came with this one."""
    from llamadesk.library import elsewhere  # noqa: PLC0415 - as in _offer

    others = [each.folder for each in elsewhere.folders(Path.home(), os.environ)]
    starter = starter_model()
    return [*others, resources_dir(), *([starter.parent] if starter is not None else [])]


def _free_bytes(folder: Path) -> int:
    """What is free on the disk where a folder is, or would be made. Raises ProblemError where that is not known."""
    try:
        while not folder.is_dir() and folder != folder.parent:
            folder = folder.parent
        return shutil.disk_usage(folder).free
    except OSError as error:
        raise _no_folder(folder, error) from error


def _memory_warning() -> str:
    import psutil  # noqa: PLC0415 - slow to import

    available = psutil.virtual_memory().available
    if available >= _ENOUGH_MEMORY_BYTES:
        return ""
    return f"Only {bytes_text(available)} of memory are free, so it may go slowly. Close other programs first."


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _no_folder(folder, error) from error


def _no_folder(folder: Path, error: OSError) -> ProblemError:
    return ProblemError(
        Problem(
            ProblemCode.QUANTIZE_FAILED,
            f"The folder {folder.name or folder} cannot be used for the new model.",
            "Check that its disk is connected and that you may write there.",
            f"{folder}: {error}",
        )
    )


def _clear_away(target: Path) -> None:
    """Delete what a process that was killed may have left. Where it cannot be, the next try does."""
    with contextlib.suppress(OSError):
        part_path(target).unlink(missing_ok=True)
