"""Has each model measured once on this machine, at an idle moment, and keeps what is fastest."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable
from typing import Final

import msgspec
from PySide6.QtCore import QObject, Slot

from llamadesk.control.activity import Activity
from llamadesk.control.fingerprints import Fingerprints
from llamadesk.control.machine import Machine
from llamadesk.control.pulse import Pulse
from llamadesk.control.rooms import Rooms
from llamadesk.core.errors import Problem, ProblemError
from llamadesk.core.models import ModelFile
from llamadesk.core.protocol import Hello, LoadedModel, Tuned
from llamadesk.core.settings import TUNING
from llamadesk.core.tuning import (
    MAX_BEGUN,
    TunedChoice,
    TuningRecord,
    machine_key,
    placement,
    record_words,
)
from llamadesk.state.engine import Phase
from llamadesk.state.tuning import TuningState

_log = logging.getLogger(__name__)

_PREFIX: Final = "tuning/"
_IDLE_SECONDS: Final = 20.0
_BUSY_SHARE: Final = 0.25
"""Where other programs keep the processors this busy, nothing measured would be true."""


class TuningControl(QObject):
    """Measures in the background, once for each model, machine and placement of the layers, and applies what it found.

    The person goes before: anything they do cuts a measurement short (it goes on later from where it was), their own
    settings go before what was found, and a model is only loaded anew for it while nothing is going on.
    """

    def __init__(
        self,
        rooms: Rooms,
        fingerprints: Fingerprints,
        activity: Activity,
        pulse: Pulse,
        reload: Callable[[], None],
        parent: QObject | None = None,
        *,
        machine: Machine | None = None,
    ) -> None:
        """`reload`: loads the chosen model in the way that `choice` tells, unless that is how it is loaded."""
        super().__init__(parent)
        self.state = TuningState(self)
        self._rooms = rooms
        self._fingerprints = fingerprints
        self._activity = activity
        self._reload = reload
        self._machine = machine or Machine()
        self._machine_key = ""
        self._records: dict[str, TuningRecord] = {}
        self._request: int | None = None  # 0: about to be made
        self._key = ""  # of the model that is being measured
        self._fraction = 0.0
        self._wanted = False  # by the person: at once, whatever goes on
        rooms.client.started.connect(self._on_started)
        rooms.client.tune_progressed.connect(self._on_progressed)
        rooms.client.tuned.connect(self._on_tuned)
        rooms.client.failed.connect(self._on_failed)
        rooms.engine.model_changed.connect(self._show)
        rooms.engine.status_changed.connect(self._on_status_changed)
        rooms.settings.changed.connect(self._on_setting_changed)
        activity.acted.connect(self._give_way)
        pulse.beat.connect(self._on_beat)
        pulse.woke.connect(self._give_way)

    async def begin(self) -> None:
        """Read what was found before."""
        self._records.update(await self._rooms.store.learned_under(_PREFIX, TuningRecord))
        self._show()

    def choice(self, file: ModelFile, n_gpu_layers: int = 0) -> TunedChoice | None:
        """The fastest way found for a file with so many layers on a GPU; None where nothing was found, or it is not
        to be used."""
        fingerprint = self._fingerprints.of(file)
        if not fingerprint or not self._machine_key or not self._is_allowed:
            return None
        record = self._records.get(self._key_of(fingerprint, n_gpu_layers, file.facts.n_layers))
        return record.choice if record is not None else None

    # --- What the person asks ---

    def measure_again(self) -> None:
        """Forget what was found for the loaded model and measure it now, or as soon as a reply is whole."""
        key = self._loaded_key()
        if key:
            self._wanted = True
            self._keep(key, TuningRecord())
            self._begin_if_possible()

    def use_defaults(self) -> None:
        """Forget what was found for the loaded model, for good: it is not measured again by itself."""
        key = self._loaded_key()
        if key:
            self._stop()
            self._keep(key, TuningRecord(declined=True))
            self._reload()

    def stop(self) -> None:
        """Stop measuring; it goes on at an idle moment."""
        self._wanted = False
        self._stop()

    def end(self) -> None:
        """The app ends: that this measurement came to no end is nobody's fault."""
        if self._request:
            self._forget_beginning(self._key)
        self._stop()

    # --- When ---

    @property
    def _is_allowed(self) -> bool:
        return self._rooms.settings.get(TUNING, bool) and not self._rooms.mode.safe

    @Slot()
    def _on_beat(self) -> None:
        if self._request is not None or self._activity.idle_seconds < _IDLE_SECONDS or not self._is_ready:
            return
        record = self._records.get(self._loaded_key(), TuningRecord())
        wanted = not record.whole and not record.declined and record.n_begun < MAX_BEGUN
        if wanted and self._is_allowed and self._machine.busy_share() < _BUSY_SHARE and not self._machine.on_battery():
            self._begin_if_possible()

    @Slot()
    def _on_status_changed(self) -> None:
        if self._wanted:
            self._begin_if_possible()

    @Slot(str)
    def _on_setting_changed(self, key: str) -> None:
        if key == TUNING:
            self._stop()
            self._reload()

    @property
    def _is_ready(self) -> bool:
        return self._rooms.engine.status.phase is Phase.READY and self._rooms.engine.model is not None

    def _begin_if_possible(self) -> None:
        key = self._loaded_key()
        if key and self._request is None and self._is_ready:
            self._wanted = False
            self._key, self._fraction, self._request = key, 0.0, 0
            self._rooms.tasks.start(self._begin(key))
            self._show()

    async def _begin(self, key: str) -> None:
        record = self._records.get(key, TuningRecord())
        record = msgspec.structs.replace(record, n_begun=record.n_begun + 1)
        self._records[key] = record
        try:
            await self._rooms.store.learn(key, record)  # before it begins, for it may be the end of engine and app
        except ProblemError:  # the store has logged it; without a trace of it, it is not begun
            self._end()
            return
        if self._request == 0:
            self._request = self._rooms.client.tune(record.trials)
        else:  # stopped meanwhile
            self._forget_beginning(key)

    @Slot()
    def _give_way(self) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._request:
            self._rooms.client.cancel(self._request)
        elif self._request == 0:  # it has not begun
            self._end()

    # --- What comes of it ---

    @Slot(object)
    def _on_started(self, hello: Hello) -> None:
        self._machine_key = machine_key(hello, os.cpu_count() or 1)
        self._show()

    @Slot(int, float)
    def _on_progressed(self, request_id: int, fraction: float) -> None:
        if request_id == self._request:
            self._fraction = fraction
            self._show()

    @Slot(int, object)
    def _on_tuned(self, request_id: int, tuned: Tuned) -> None:
        if request_id != self._request:
            return
        known = self._records.get(self._key, TuningRecord())
        trials = tuple(tuned.trials) or known.trials  # none where it was answered in the engine's place
        self._keep(self._key, TuningRecord(trials, tuned.whole, measured_at=int(time.time())))
        self._end()
        if tuned.whole:  # nobody did anything since it began, so nobody waits for the model now
            self._reload()

    @Slot(int, object)
    def _on_failed(self, request_id: int, problem: Problem) -> None:
        if request_id == self._request:
            _log.warning("Measuring ended: %s", problem.title)
            self._end()

    def _end(self) -> None:
        self._request = None
        self._show()

    def _forget_beginning(self, key: str) -> None:
        record = self._records.get(key, TuningRecord())
        self._keep(key, msgspec.structs.replace(record, n_begun=max(0, record.n_begun - 1)))

    def _keep(self, key: str, record: TuningRecord) -> None:
        self._records[key] = record
        self._rooms.tasks.start(self._learn(key, record))
        self._show()

    async def _learn(self, key: str, record: TuningRecord) -> None:
        with contextlib.suppress(ProblemError):  # the store logs it; it can be measured again
            await self._rooms.store.learn(key, record)

    def _loaded_key(self) -> str:
        """Of the model that is loaded; "" where there is none, or nothing can be kept of it."""
        model: LoadedModel | None = self._rooms.engine.model
        if model is None or not model.fingerprint or not self._machine_key:
            return ""
        return self._key_of(model.fingerprint, model.n_gpu_layers, model.n_layers)

    def _key_of(self, fingerprint: str, n_gpu_layers: int, n_layers: int) -> str:
        return f"{_PREFIX}{fingerprint}/{self._machine_key}-{placement(n_gpu_layers, n_layers)}"

    @Slot()
    def _show(self) -> None:
        record = self._records.get(self._loaded_key(), TuningRecord())
        running = self._request is not None
        self.state.show(
            running=running,
            fraction=self._fraction if running else 0.0,
            words=record_words(record),
            has_choice=record.choice is not None and self._is_allowed,
        )
