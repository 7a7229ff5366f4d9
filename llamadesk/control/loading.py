"""Getting the chosen model loaded: checked before, tried with less where that fails, and told in one notice."""

from __future__ import annotations

import msgspec
from PySide6.QtCore import QObject, Signal, Slot

from llamadesk.control.estimates import Estimates
from llamadesk.control.notices import NoticeKind
from llamadesk.control.preferences import PreferenceControl
from llamadesk.control.rooms import Rooms
from llamadesk.control.wishes import LoadWishes
from llamadesk.core.errors import Problem, ProblemCode
from llamadesk.core.fit import Verdict, checked, judge, longest_context, offloaded_layers, too_large
from llamadesk.core.models import ModelFile
from llamadesk.core.protocol import (
    DeviceMemory,
    Finished,
    FinishReason,
    Hello,
    LoadedModel,
    LoadSettings,
    RequestId,
)
from llamadesk.core.steps import (
    MOST_TRIES,
    Trouble,
    difference_in_words,
    on_processor,
    step_down,
    trouble_of,
)
from llamadesk.state.engine import EngineStatus, Phase

_SILENT = (ProblemCode.ENGINE_LOST, ProblemCode.ENGINE_GAVE_UP, ProblemCode.LOAD_CANCELLED)
"""Told by another signal, or the person's own doing."""
_LOST_GPU = Problem(ProblemCode.LOAD_FAILED, "The graphics card is not there any more.")


class _Attempt(msgspec.Struct, frozen=True):
    """A wish of the person on its way.

    Attributes:
        file: what is loaded.
        wanted, tried: how it was to be loaded, and how it is being or was loaded.
        n_tries: loads that were asked for.
        reason: why it is not loaded as it was wanted; None where it is.
        told: whether the person knows that.
    """

    file: ModelFile
    wanted: LoadSettings
    tried: LoadSettings
    n_tries: int = 1
    reason: Problem | None = None
    told: bool = False


class LoadControl(QObject):
    """Keeps the engine loaded with the chosen model.

    What the person chose in the settings is never overwritten: with less it is loaded for this time only.
    """

    returned = Signal(object)
    """ModelFile: loading another file took the engine down, and this one, of before, is taken again."""

    def __init__(
        self, rooms: Rooms, preferences: PreferenceControl, wishes: LoadWishes, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._rooms = rooms
        self._preferences = preferences
        self._wishes = wishes
        self._load_id: RequestId | None = None
        self._loaded_id: RequestId | None = None  # the load that the engine repeats after it was started again
        self._estimates = Estimates(rooms, wishes, self)
        self._asked: object = None  # names the wish that is being or was fulfilled
        self._attempt: _Attempt | None = None
        self._good: _Attempt | None = None  # the last one that was loaded
        self._proven = False  # it has written a whole reply
        self._n_deaths = 0  # without one
        self._tune_id: RequestId | None = None
        self._died_measuring = False
        self._reload_when_idle = False
        self._reload_when_started = False
        client = rooms.client
        client.started.connect(self._on_started)
        client.load_progressed.connect(self._on_load_progressed)
        client.loaded.connect(self._on_loaded)
        client.unloaded.connect(self._on_unloaded)
        client.tune_progressed.connect(self._on_tune_progressed)
        client.finished.connect(self._on_finished)
        client.failed.connect(self._on_failed)
        client.engine_lost.connect(self._on_engine_lost)
        client.gave_up.connect(self._on_gave_up)
        preferences.reload_due.connect(self.reload)
        rooms.engine.status_changed.connect(self._on_status_changed)

    # --- What is asked for ---

    @Slot()
    def reload(self) -> None:
        """Load the chosen model as the settings of now say, unless that was asked for; a reply may end first."""
        if self._rooms.engine.status.busy:
            self._reload_when_idle = True
            return
        file = self._rooms.models.chosen
        if file is None:
            return
        if (
            not self._rooms.engine.devices
        ):  # what fits, and how many layers go where, is known once the engine says Hello
            self._reload_when_started = True
            self._rooms.engine.set_status(EngineStatus(Phase.LOADING))
            return
        if self._wishes.named(file) != self._asked:
            self._begin(file)

    def cancel(self) -> None:
        """End a load that is under way."""
        if self._estimates.awaited:
            self._stop(Problem(ProblemCode.LOAD_CANCELLED, "Loading the model was stopped."))
            return
        load_id = self._load_id or self._loaded_id
        if load_id is not None:
            self._rooms.client.cancel(load_id)

    def rest(self) -> None:
        """Give the model's memory back; `reload` loads it again."""
        self._unload()
        self._rooms.engine.set_status(EngineStatus(Phase.RESTING))

    def adopt(self) -> None:
        """What is loaded is what is chosen now: it was not asked for, and need not be loaded again."""
        file = self._rooms.models.chosen
        self._asked = self._wishes.named(file) if file is not None else None
        self._preferences.loading()

    def refresh_devices(self) -> None:
        """Look again what the devices have free; nothing happens while a load is under way, which does that too."""
        file = self._rooms.models.chosen
        if file is not None and self._rooms.engine.devices and self._load_id is None and not self._estimates.awaited:
            self._estimates.ask(self._wishes.settings(file))

    # --- Trying ---

    def _begin(self, file: ModelFile) -> None:
        """Fulfil a wish: at once where nothing is to be checked, else once llama.cpp has reckoned what it takes."""
        self._asked = self._wishes.named(file)
        self._attempt = None
        self._estimates.forget()
        self._n_deaths, self._proven = 0, False
        self._preferences.loading()
        self._rooms.engine.set_status(EngineStatus(Phase.LOADING))
        settings = self._wishes.settings(file)
        is_tight = judge(self._wishes.need(file, settings), self._wishes.free()) is Verdict.TIGHT
        if is_tight or self._rooms.engine.gpus:
            self._estimates.ask(settings, lambda estimated: self._decide(file, estimated))
        else:
            self._decide(file, [])

    def _decide(self, file: ModelFile, estimated: list[DeviceMemory]) -> None:
        """Load what fits; tell of what does not, unless the length of the context was left to us and a shorter does."""
        settings, free = self._wishes.settings(file), self._wishes.free()
        need = checked(self._wishes.need(file, settings), estimated)
        problem = too_large(file.facts, settings, need, free)
        if problem is None:
            self._try(_Attempt(file, settings, settings))
            return
        shorter = longest_context(file.facts, settings, free)
        if shorter and not self._wishes.chosen_context(file):
            less = msgspec.structs.replace(settings, n_ctx=shorter)
            self._try(_Attempt(file, settings, less, reason=problem))
            return
        self._unload()
        self._rooms.engine.set_status(EngineStatus(Phase.STOPPED, reason=problem.title))
        self._rooms.notices.problem(
            problem,
            kind=NoticeKind.WARNING,
            action_label="Load anyway",
            action=lambda: self._try(_Attempt(file, settings, settings)),
        )

    def _try(self, attempt: _Attempt) -> None:
        if self._load_id is not None:
            self._rooms.client.cancel(self._load_id)
        self._attempt = attempt
        self._asked = self._asked or self._wishes.named(attempt.file)
        self._rooms.engine.set_model(None)
        self._wishes.hold(None, None)
        self._rooms.engine.set_status(EngineStatus(Phase.LOADING))
        self._preferences.loading()
        self._load_id = self._rooms.client.load(attempt.tried)

    def _try_less(self, problem: Problem, less: LoadSettings | None = None) -> bool:
        """Go a step down after a trouble, to `less` where it is given; False where there is no step left."""
        attempt = self._attempt
        trouble = trouble_of(problem)
        if attempt is None or trouble is None or attempt.n_tries >= MOST_TRIES:
            return False
        following = less or step_down(attempt.wanted, attempt.tried, trouble)
        if following is None:
            return False
        self._n_deaths, self._proven = 0, False
        reason = attempt.reason or problem
        self._try(_Attempt(attempt.file, attempt.wanted, following, attempt.n_tries + 1, reason))
        return True

    def _unload(self) -> None:
        self._asked = self._load_id = self._attempt = None
        self._estimates.forget()
        self._rooms.engine.set_model(None)
        self._wishes.hold(None, None)
        self._rooms.client.unload()

    def _stop(self, problem: Problem) -> None:
        self._asked = self._load_id = self._attempt = None
        self._estimates.forget()
        self._rooms.engine.set_model(None)
        self._wishes.hold(None, None)
        self._rooms.engine.set_status(EngineStatus(Phase.STOPPED, reason=problem.title))

    # --- What the engine says ---

    @Slot(object)
    def _on_started(self, hello: Hello) -> None:
        self._rooms.engine.cpu_features = frozenset(hello.cpu_features)
        self._rooms.engine.set_devices(tuple(hello.devices), tuple(hello.accelerators))
        if self._reload_when_started:
            self._reload_when_started = False
            self.reload()
        attempt = self._attempt
        if attempt is not None and attempt.tried.n_gpu_layers and not self._rooms.engine.gpus:
            self._try_less(_LOST_GPU, on_processor(attempt.tried))

    @Slot(int, float)
    def _on_load_progressed(self, _request_id: RequestId, fraction: float) -> None:
        self._rooms.engine.set_status(EngineStatus(Phase.LOADING, fraction))

    @Slot(int, object, float)
    def _on_loaded(self, request_id: RequestId, model: LoadedModel, seconds: float) -> None:
        if self._load_id is not None and request_id < self._load_id:
            return  # another was asked for meanwhile
        self._load_id, self._loaded_id = None, request_id
        attempt = self._attempt
        if attempt is None or str(attempt.file.path) != model.path:
            # Loading another file took the engine down, and it came back with the one of before: show that.
            attempt = self._attempt = self._good
            if attempt is not None:
                self.returned.emit(attempt.file)
        if attempt is not None:
            self._good = attempt
            self._wishes.hold(attempt.file, attempt.tried)
            if self._wishes.records is not None:
                self._wishes.records.loaded(attempt.tried, model, seconds)
        self._rooms.engine.set_model(model)
        self._rooms.engine.set_status(EngineStatus(Phase.READY, n_ctx=model.n_ctx))
        if attempt is not None and attempt.reason is not None and not attempt.told:
            self._attempt = self._good = msgspec.structs.replace(attempt, told=True)
            self._tell_of_less(attempt, attempt.reason)

    def _tell_of_less(self, attempt: _Attempt, reason: Problem) -> None:
        n_layers = offloaded_layers(attempt.file.facts, -1)
        difference = difference_in_words(attempt.wanted, attempt.tried, n_layers)
        text = f"{reason.title} So the model runs {difference} now; your settings are as they were."
        self._rooms.notices.problem(
            msgspec.structs.replace(reason, title=text, advice=""),
            kind=NoticeKind.WARNING,
            action_label="Try again",
            action=self._load_anew,
        )

    def _load_anew(self) -> None:
        self._asked = None
        self.reload()

    @Slot(int)
    def _on_unloaded(self, _request_id: RequestId) -> None:
        self._rooms.engine.set_model(None)

    @Slot(int, float)
    def _on_tune_progressed(self, request_id: RequestId, _fraction: float) -> None:
        self._tune_id = request_id

    @Slot(int, object)
    def _on_finished(self, _request_id: RequestId, finished: Finished) -> None:
        if finished.reason is not FinishReason.CANCELLED:
            self._proven, self._n_deaths = True, 0

    @Slot(int, object)
    def _on_failed(self, request_id: RequestId, problem: Problem) -> None:
        self._died_measuring = problem.code is ProblemCode.ENGINE_LOST and request_id == self._tune_id
        if request_id == (self._load_id or self._loaded_id):
            self._on_load_failed(problem)
        elif problem.code is ProblemCode.DECODE_FAILED and not self._proven and self._uses_gpu:
            self._try_less(problem)

    @property
    def _uses_gpu(self) -> bool:
        return self._attempt is not None and self._attempt.tried.n_gpu_layers > 0

    def _on_load_failed(self, problem: Problem) -> None:
        if self._try_less(problem):
            return
        failed, good = self._attempt, self._good
        self._stop(problem)
        if problem.code not in _SILENT:
            self._rooms.notices.problem(problem, action_label="Try again", action=self.reload)
        is_lost = problem.code is ProblemCode.ENGINE_LOST
        if is_lost and failed is not None and good is not None and failed.file != good.file:
            self.returned.emit(good.file)
            self._try(good)

    @Slot(object, bool)
    def _on_engine_lost(self, problem: Problem, reloads: bool) -> None:
        self._rooms.engine.set_model(None)
        attempt = self._attempt
        if self._load_id is not None and attempt is not None and attempt.reason is not None and not attempt.told:
            return  # with less it is being tried already, and told of at its end
        if self._load_id is None and reloads and self._died_unproven(problem):
            return
        if reloads or self._reload_when_started or self._load_id is not None:
            self._rooms.engine.set_status(EngineStatus(Phase.LOADING))
        elif self._rooms.models.chosen is not None:
            self._rooms.engine.set_status(EngineStatus(Phase.STOPPED, reason=problem.title))
        self._rooms.notices.problem(problem, kind=NoticeKind.WARNING)

    def _died_unproven(self, problem: Problem) -> bool:
        """The process died with a model that has not written a whole reply yet: once may be chance, with a GPU it
        seldom is. True where it is tried with less, in place of the load that the supervisor would repeat."""
        died_measuring, self._died_measuring = self._died_measuring, False
        if self._proven or died_measuring:  # what is measured are other ways of computing than the one in use
            return False
        self._n_deaths += 1
        is_chance = self._n_deaths == 1 and not self._uses_gpu
        return not is_chance and trouble_of(problem) is Trouble.DEATH and self._try_less(problem)

    @Slot(object)
    def _on_gave_up(self, problem: Problem) -> None:
        self._stop(problem)
        self._rooms.notices.problem(problem, action_label="Try again", action=self.reload)

    @Slot()
    def _on_status_changed(self) -> None:
        if self._reload_when_idle and not self._rooms.engine.status.busy:
            self._reload_when_idle = False
            self.reload()
