"""Measures how a loaded model computes fastest here: a few ways, one dimension after the other, each from the best so
far.

Each way gets a context of its own beside the one that is in use. Nothing long is read: a few dozen tokens are, and
what was computed for them is repeated until the cache is as full as deep in a chat. Whether the file is mapped is not
tried here: that needs the weights to be read anew, and a rule does as well.
"""

from __future__ import annotations

import logging
import math
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec
import psutil

from llamadesk.core.protocol import KvType, LoadSettings, Trial
from llamadesk.core.tuning import Placement, TunedChoice, best_first, is_better, placement, score
from llamadesk.engine.cancel import CancelFlag
from llamadesk.engine.native import Decoded, Model, NativeLoadError, TrialContext

_log = logging.getLogger(__name__)

_CONTEXTS: Final = (2304, 1280, 512)
"""Cells of a trial's cache: the most of these for which there is memory."""
_ROOM: Final = 128
"""Of them, for what is written while it is measured."""
_MARGIN_BYTES: Final = 768 * 1024 * 1024
"""What must be free besides the cache of a trial: for its compute buffers, and for whatever else goes on."""
_BLOCK: Final = 64
"""Tokens that are read to be repeated. More fill the cache faster, but each step must be short enough to stop after."""
_N_PREFILL: Final = {Placement.CPU: 256, Placement.BOTH: 256, Placement.GPU: 1024}
_N_WRITTEN: Final = 8
_MAX_ROUNDS: Final = 3
_READ_AGAIN_SECONDS: Final = 3.0
"""Reading that took less in all is measured once more."""
_NOISE: Final = 0.12
"""Where the middle half of the times lies further apart than this share of the median, it is measured once more."""
_READ_LUCK: Final = math.log(1.3)
"""Nothing that is slower at writing is expected to read so much faster; where even that would not do, it is not
measured."""
_BUDGET_SECONDS: Final = 150.0
"""No way is begun after this long; what is measured by then has to do."""
_MICRO_BATCHES: Final = (256, 512)
_KV_SHARE: Final = 0.1
"""Another element type is tried where the cache of a deep context has at least this share of the weights' bytes."""
_TEXT: Final = (
    "The harbour lay quiet under a low grey sky, and the keeper counted the boats as they came home one by one. She "
    "wrote each name into her book, with the hour and the wind, as her mother had done before her. 1987 was good. "
)


class _Stopped(Exception):  # noqa: N818 - not an error
    """Cancelled meanwhile."""


class _Refused(Exception):  # noqa: N818 - not an error
    """This way cannot be tried here."""


def tune(
    model: Model,
    n_gpu_layers: int,
    n_cores: int,
    known: Sequence[Trial],
    cancel: CancelFlag,
    on_progress: Callable[[float], None],
) -> tuple[list[Trial], bool]:
    """What was measured, the best first, and whether that is all.

    Args:
        model: is computed with, and stays as it is.
        n_gpu_layers: how it is loaded, see LoadSettings.
        n_cores: physical ones that may be used.
        known: what need not be measured again.
        cancel: ends it soon.
        on_progress: gets the fraction that is done.
    """
    return _Tuner(model, n_gpu_layers, n_cores, known, cancel, on_progress).run()


class _Tuner:
    def __init__(
        self,
        model: Model,
        n_gpu_layers: int,
        n_cores: int,
        known: Sequence[Trial],
        cancel: CancelFlag,
        on_progress: Callable[[float], None],
    ) -> None:
        self._model = model
        self._n_cores = n_cores
        self._placement = placement(n_gpu_layers, model.n_layers)
        self._n_ctx = _affordable_context(model, self._placement)
        self._cancel = cancel
        self._on_progress = on_progress
        n_deep = (self._n_ctx - _ROOM) // _BLOCK * _BLOCK
        self._trials = {TunedChoice.of(trial): trial for trial in known if trial.n_deep in (0, n_deep)}
        default = LoadSettings("")
        self._default_way = TunedChoice(n_cores, default.n_ubatch, default.flash_attention, KvType.F16)
        self._n_tried = 0
        self._best: Trial | None = None
        self._bench: _Bench | None = None

    def run(self) -> tuple[list[Trial], bool]:
        if not self._n_ctx:
            _log.info("Not tuned: too little memory is free")
            return [], True
        give_up_at = time.monotonic() + _BUDGET_SECONDS
        whole = True
        try:
            for way in self._ways():
                if self._best is not None and time.monotonic() > give_up_at:
                    break
                self._try(way)
            self._confirm()
        except _Stopped:
            whole = False
        finally:
            self._close_bench()
        measured = list(self._trials.values())
        return (measured if self._best is None else best_first(self._best, measured)), whole

    def _ways(self) -> Iterator[TunedChoice]:
        """What to try; each but the first differs from the best so far in one thing."""
        yield self._default_way
        if self._best is None:
            return
        for n_threads in self._other_threads():
            yield self._best_way(n_threads=n_threads)
        yield self._best_way(flash_attention=not self._default_way.flash_attention)
        # The likeliest to gain come first: for a large model on a slow machine the time is up before the list is.
        for n_ubatch in _MICRO_BATCHES[:1]:
            yield self._best_way(n_ubatch=n_ubatch)
        if self._n_ctx * _kv_bytes(self._model) >= _KV_SHARE * self._model.size_bytes:
            yield self._best_way(kv_type=KvType.Q8_0)
        for n_ubatch in _MICRO_BATCHES[1:]:
            yield self._best_way(n_ubatch=n_ubatch)

    def _other_threads(self) -> list[int]:
        if self._placement is Placement.GPU:
            return []  # nothing of the model is left for them
        logical = min(_allowed_cpus(), 2 * self._n_cores)
        wanted = [max(1, self._n_cores // 2), logical] if self._n_cores > 1 else [logical]
        return [n for n in dict.fromkeys(wanted) if n != self._n_cores]

    def _best_way(self, **changed: object) -> TunedChoice:
        if self._best is None:
            raise RuntimeError("nothing was tried yet")
        return msgspec.structs.replace(TunedChoice.of(self._best), **changed)

    def _try(self, way: TunedChoice) -> None:
        trial = self._trials.get(way)
        if trial is None:
            try:
                trial = self._trials[way] = self._measure(way)
            except _Refused:
                _log.info("Tuning: %s cannot be tried", way)
        if trial is not None and (self._best is None or is_better(trial, self._best)):
            self._best = trial
        self._n_tried += 1
        n_all = 3 + len(self._other_threads()) + len(_MICRO_BATCHES)
        self._on_progress(min(1.0, self._n_tried / n_all))

    def _confirm(self) -> None:
        """Where another way than the first one won, give the first a second chance: it may have been disturbed."""
        first, best = self._trials.get(self._default_way), self._best
        if first is None or best is None or first is best:
            return
        self._best = None
        again = self._measure(self._default_way)
        self._best = best
        self._trials[self._default_way] = first = msgspec.structs.replace(
            first,
            prefill_speed=max(first.prefill_speed, again.prefill_speed),
            shallow_speed=max(first.shallow_speed, again.shallow_speed),
            deep_speed=max(first.deep_speed, again.deep_speed),
        )
        if not is_better(best, first):
            self._best = first

    def _measure(self, way: TunedChoice) -> Trial:
        bench = self._bench_for(way)
        bench.use_threads(way.n_threads)
        best = self._best
        trial = Trial(way.n_threads, way.n_ubatch, way.flash_attention, way.kv_type, 0.0, 0.0, 0.0, 0)
        if best is not None and best.n_ubatch != way.n_ubatch:  # writing, one token at a time, feels nothing of that
            trial = msgspec.structs.replace(
                trial, shallow_speed=best.shallow_speed, deep_speed=best.deep_speed, n_deep=best.n_deep
            )
        else:
            shallow = bench.shallow_speed()
            deep, n_deep = bench.deep_speed()
            trial = msgspec.structs.replace(trial, shallow_speed=shallow, deep_speed=deep, n_deep=n_deep)
        if best is None or score(trial, best) * 2 / 3 + _READ_LUCK / 3 > 0:
            n_tokens = max(_N_PREFILL[self._placement], way.n_ubatch)
            trial = msgspec.structs.replace(trial, prefill_speed=bench.prefill_speed(n_tokens))
        _log.info("Tuning: %s", trial)
        return trial

    def _bench_for(self, way: TunedChoice) -> _Bench:
        """A context for `way`; the one of the trial before where only the threads are others."""
        settings = LoadSettings(
            "",
            n_ctx=self._n_ctx,
            n_ubatch=way.n_ubatch,
            flash_attention=way.flash_attention,
            kv_type=way.kv_type,
        )
        if self._bench is not None and self._bench.settings == settings:
            return self._bench
        self._close_bench()
        self._bench = _Bench(self._model, settings, way.n_threads, self._cancel)
        return self._bench

    def _close_bench(self) -> None:
        bench, self._bench = self._bench, None
        if bench is not None:
            bench.close()


class _Bench:
    """One context that is measured with."""

    def __init__(self, model: Model, settings: LoadSettings, n_threads: int, cancel: CancelFlag) -> None:
        if cancel.is_set:
            raise _Stopped
        try:
            self._context = TrialContext(model, settings, n_threads)
        except NativeLoadError as error:
            raise _Refused from error
        self.settings = settings
        self._cancel = cancel
        self._context.watch(cancel)
        sample = model.vocab.tokenize(_TEXT) or [max(model.vocab.bos, 0)]
        self._tokens = (sample * (self._context.n_ctx // len(sample) + 1))[: self._context.n_ctx]

    def use_threads(self, n_threads: int) -> None:
        self._context.use_threads(n_threads)

    def close(self) -> None:
        self._context.close()

    def shallow_speed(self) -> float:
        """Tokens written per second right behind a block."""
        self._begin_with_block()
        return self._writing_speed()

    def deep_speed(self) -> tuple[float, int]:
        """The same deep in the context, and how deep that is; 0 where this model does not let itself be measured so."""
        self._begin_with_block()
        n_deep = self._context.repeat(self._context.n_ctx - _ROOM, self._cancel)
        if self._cancel.is_set:
            raise _Stopped
        return (self._writing_speed(), n_deep) if n_deep else (0.0, 0)

    def prefill_speed(self, n_tokens: int) -> float:
        """Tokens read per second from the beginning."""
        tokens = self._tokens[: min(n_tokens, self._context.n_ctx - _ROOM)]
        seconds = [self._read(tokens)]
        while len(seconds) < _MAX_ROUNDS and sum(seconds) < _READ_AGAIN_SECONDS:
            seconds.append(self._read(tokens))
        return len(tokens) / min(seconds)

    def _begin_with_block(self) -> None:
        self._read(self._tokens[:_BLOCK])

    def _read(self, tokens: list[int]) -> float:
        """Read from the beginning; the seconds it took."""
        self._context.truncate(0)
        size = self._context.n_batch
        return sum(self._decode(tokens[at : at + size]) for at in range(0, len(tokens), size))

    def _writing_speed(self) -> float:
        self._decode(self._tokens[:1])  # moves what was repeated to its place, and touches what is touched first
        seconds: list[float] = []
        for _ in range(_MAX_ROUNDS):
            seconds += [self._decode([token]) for token in self._tokens[:_N_WRITTEN]]
            low, median, high = statistics.quantiles(seconds, n=4)
            if high - low <= _NOISE * median:
                break
        return 1 / statistics.median(seconds)

    def _decode(self, tokens: list[int]) -> float:
        started = time.perf_counter()
        if self._cancel.is_set:
            raise _Stopped
        decoded = self._context.decode(tokens, want_logits=True)
        self._context.synchronize()
        if decoded is Decoded.ABORTED:
            raise _Stopped
        if decoded is Decoded.FAILED:
            raise _Refused
        return time.perf_counter() - started


def _allowed_cpus() -> int:
    """Logical processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _kv_bytes(model: Model) -> int:
    """Of one token in a cache of f16, about."""
    return 2 * model.kv_elements


def _affordable_context(model: Model, placed: Placement) -> int:
    """Cells that a trial's cache can have in the memory that is free; 0 where that is too few."""
    available = psutil.virtual_memory().available
    longest = max(_CONTEXTS[-1], model.n_ctx_train)
    for n_ctx in _CONTEXTS:
        # On a GPU llama.cpp itself says where it does not fit.
        in_memory = 0 if placed is Placement.GPU else n_ctx * _kv_bytes(model)
        if n_ctx <= longest and in_memory + _MARGIN_BYTES <= available:
            return n_ctx
    return 0
