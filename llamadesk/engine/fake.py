"""An engine without a model, for fault tests and benchmarks of the window: the real process and the real pipe, but what
it answers, and how it breaks, is read from a script.

A script is a JSON `Script`: for each kind of request, plans; a plan is a list of steps, and ends the way a good engine
would. `{}` is a whole script: an engine that loads anything and replies with twenty words.
"""

from __future__ import annotations

import itertools
import os
import queue
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import msgspec

from llamadesk.core.chat import ReplyStats
from llamadesk.core.errors import Problem, ProblemCode
from llamadesk.core.protocol import (
    MAX_FRAME_BYTES,
    PROTOCOL_VERSION,
    Aside,
    Background,
    Cancel,
    Configure,
    CountTokens,
    Delta,
    Device,
    DeviceKind,
    Estimate,
    Estimated,
    Failed,
    Finished,
    FinishReason,
    Foreground,
    Forget,
    Generate,
    Hello,
    Load,
    Loaded,
    LoadedModel,
    LoadProgress,
    Measure,
    Measured,
    Prepare,
    Prepared,
    PromptProgress,
    PromptShown,
    Request,
    RequestId,
    ShowPrompt,
    Shutdown,
    TokenCount,
    Tune,
    Tuned,
    Unload,
    Unloaded,
    encode,
)
from llamadesk.engine.pipe import EXIT_OK, Pipe, end_process

# --- The script -----------------------------------------------------------------------------------------------------


class Speak(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """Send `n_tokens` Deltas, the words of `text` over and over (of the file `text_file` where it is given), `rate` a
    second; 0 is as fast as possible. Before them, one for each word of `thought`. `deaf` does not hear Cancel.
    `id_offset` makes them Deltas of another request."""

    text: str = "word "
    text_file: str = ""
    thought: str = ""
    n_tokens: int = 20
    rate: float = 0.0
    deaf: bool = False
    id_offset: int = 0


class Pause(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """Do nothing for `seconds`; a long one is a hang. `deaf` does not hear Cancel."""

    seconds: float = 3600.0
    deaf: bool = False


class Progress(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """Tell progress in `steps` steps over `seconds`: of a load, or of reading a prompt of `n_tokens`."""

    steps: int = 4
    seconds: float = 0.0
    n_tokens: int = 100


class Die(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """End the process: by the signal of that name, such as "SIGSEGV", else with the exit code."""

    signal: str = ""
    exit_code: int = 1


class Breakage(StrEnum):
    """Ways to break the protocol."""

    GARBAGE = "garbage"  # bytes that are no frame
    NOT_JSON = "not_json"  # a frame that holds no message
    OVERSIZE = "oversize"  # a length out of bounds
    HALF = "half"  # the first half of a frame


class Break(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """Break the protocol."""

    how: Breakage


class Complain(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """Write `lines` lines of `width` characters to standard error."""

    lines: int = 1
    width: int = 60


class Fail(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """End the request with `problem`."""

    problem: Problem


Step = Speak | Pause | Progress | Die | Break | Complain | Fail
Plan = tuple[Step, ...]


class Life(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one process does. The nth request of a kind follows that kind's nth plan, and the last plan from then on.

    Attributes:
        start: steps before Hello.
        hello: whether Hello is said at all.
        idle: steps right after Hello.
        gpus: bytes of memory of each GPU that is there.
    """

    start: Plan = ()
    hello: bool = True
    idle: Plan = ()
    gpus: tuple[int, ...] = ()
    load: tuple[Plan, ...] = ((Progress(),),)
    generate: tuple[Plan, ...] = ((Progress(), Speak()),)
    prepare: tuple[Plan, ...] = ((),)
    tune: tuple[Plan, ...] = ((),)


class Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The nth process started with this script lives the nth life, and the last one from then on; they are counted in a
    file beside the script's."""

    lives: tuple[Life, ...] = (Life(),)


def _take_life(path: Path) -> Life:
    script = msgspec.json.decode(path.read_bytes(), type=Script)
    counter = path.with_name(path.name + ".lives")
    with counter.open("ab") as file:
        number = file.tell()
        file.write(b"x")
    return script.lives[min(number, len(script.lives) - 1)]


# --- The engine -----------------------------------------------------------------------------------------------------


class _EndedEarlyError(Exception):
    """The plan of the request at hand ended by Cancel (no problem) or by Fail."""

    def __init__(self, problem: Problem | None = None) -> None:
        super().__init__()
        self.problem = problem


class FakeEngine:
    """Answers requests, one after another, by the plans of one `Life`."""

    def __init__(self, life: Life, pipe: Pipe) -> None:
        self._life = life
        self._pipe = pipe
        self._requests: queue.Queue[Foreground | Background | Aside] = queue.Queue()
        self._plans: dict[type[Load | Generate | Background], Iterator[Plan]] = {
            Load: _last_repeated(life.load),
            Generate: _last_repeated(life.generate),
            Prepare: _last_repeated(life.prepare),
            Tune: _last_repeated(life.tune),
        }
        self._current: RequestId = 0
        self._loading = False
        self._cancelled = threading.Event()
        self._cancelled_early: set[RequestId] = set()  # cancelled before their turn came
        self._n_ctx = 0
        self._n_said = 0

    def run(self) -> None:
        """Say Hello and answer requests until the process ends."""
        self._pipe.start_reading(self._receive)  # first: a process that is slow to start ends with the window too
        self._follow(self._life.start)
        if self._life.hello:
            self._pipe.send(_hello(self._life.gpus))
        self._follow(self._life.idle)
        while True:
            request = self._requests.get()
            self._current, self._loading, self._n_said = request.id, isinstance(request, Load), 0
            self._cancelled.clear()
            if request.id in self._cancelled_early:
                self._cancelled.set()
            match request:
                case Load():
                    self._load(request)
                case Generate():
                    self._generate(request)
                case CountTokens():
                    self._pipe.send(TokenCount(request.id, len(_words(request.text))))
                case Measure():
                    n_history = sum(len(_words(turn.content)) for turn in request.prompt.turns)
                    n_draft = len(_words(request.draft)) if request.draft else 0
                    self._pipe.send(Measured(request.id, 0, n_history, n_draft, self._n_ctx))
                case Prepare() | Tune():
                    self._work_in_background(request)
                case ShowPrompt():
                    self._pipe.send(PromptShown(request.id, []))
                case Estimate():
                    self._pipe.send(Estimated(request.id, [], _devices(self._life.gpus)))
                case Unload():
                    self._n_ctx = 0
                    self._pipe.send(Unloaded(request.id))

    def _receive(self, request: Request) -> None:
        if isinstance(request, Shutdown):
            end_process(EXIT_OK)
        if isinstance(request, Cancel):
            if request.target == self._current:
                self._cancelled.set()
            else:
                self._cancelled_early.add(request.target)
        elif not isinstance(request, Forget | Configure):
            self._requests.put(request)

    def _load(self, request: Load) -> None:
        started = time.perf_counter()
        try:
            self._follow(next(self._plans[Load]))
        except _EndedEarlyError as ended:
            cancelled = Problem(ProblemCode.LOAD_CANCELLED, "Loading was stopped.")
            self._pipe.send(Failed(request.id, ended.problem or cancelled))
            return
        self._n_ctx = request.settings.n_ctx
        model = LoadedModel(
            name=Path(request.settings.model_path).stem,
            path=request.settings.model_path,
            description="scripted fake",
            n_layers=30,
            n_ctx=request.settings.n_ctx,
            n_ctx_train=8192,
            n_gpu_layers=request.settings.n_gpu_layers,
            n_params=0,
            size_bytes=0,
            template_source="fake",
        )
        self._pipe.send(Loaded(request.id, model, time.perf_counter() - started))

    def _generate(self, request: Generate) -> None:
        started = time.perf_counter()
        reason = FinishReason.END
        try:
            self._follow(next(self._plans[Generate]))
        except _EndedEarlyError as ended:
            if ended.problem:
                self._pipe.send(Failed(request.id, ended.problem))
                return
            reason = FinishReason.CANCELLED
        stats = ReplyStats(n_generated=self._n_said, decode_seconds=time.perf_counter() - started)
        self._pipe.send(Finished(request.id, reason, stats, self._n_said, self._n_ctx))

    def _work_in_background(self, request: Background) -> None:
        whole = True
        try:
            self._follow(next(self._plans[type(request)]))
        except _EndedEarlyError as ended:
            if ended.problem:
                self._pipe.send(Failed(request.id, ended.problem))
                return
            whole = False
        if isinstance(request, Prepare):
            self._pipe.send(Prepared(request.id, 0, 0, 0, whole))
        else:
            self._pipe.send(Tuned(request.id, [], whole))

    def _follow(self, plan: Plan) -> None:
        for step in plan:
            match step:
                case Speak():
                    self._speak(step)
                case Pause():
                    self._wait_until(time.perf_counter() + step.seconds, step.deaf)
                case Progress():
                    self._tell_progress(step)
                case Die():
                    _die(step)
                case Break():
                    self._break(step.how)
                case Complain():
                    for _ in range(step.lines):
                        sys.stderr.write("!" * step.width + "\n")
                case Fail():
                    raise _EndedEarlyError(step.problem)

    def _speak(self, step: Speak) -> None:
        text = Path(step.text_file).read_text("utf-8") if step.text_file else step.text
        thought = (("", word) for word in (_words(step.thought) if step.thought else ()))
        said = ((word, "") for word in itertools.islice(itertools.cycle(_words(text)), step.n_tokens))
        started = time.perf_counter()
        for n, (word, thought_word) in enumerate(itertools.chain(thought, said)):
            self._wait_until(started + n / step.rate if step.rate else 0.0, step.deaf)
            self._n_said += 1
            self._pipe.send(Delta(self._current + step.id_offset, word, 1, self._n_said, thought_word))

    def _wait_until(self, moment: float, deaf: bool) -> None:
        seconds = max(0.0, moment - time.perf_counter())
        if deaf:
            time.sleep(seconds)
        elif self._cancelled.wait(seconds) if seconds else self._cancelled.is_set():
            raise _EndedEarlyError

    def _tell_progress(self, step: Progress) -> None:
        started = time.perf_counter()
        for n in range(1, step.steps + 1):
            self._wait_until(started + step.seconds * n / step.steps, deaf=False)
            if self._loading:
                self._pipe.send(LoadProgress(self._current, n / step.steps))
            else:
                self._pipe.send(PromptProgress(self._current, step.n_tokens * n // step.steps, step.n_tokens, 0))

    def _break(self, how: Breakage) -> None:
        frame = encode(Delta(self._current, "the second half of this never comes", 1, 1))
        match how:
            case Breakage.GARBAGE:
                self._pipe.send_bytes(bytes(range(255, -1, -1)))
            case Breakage.NOT_JSON:
                self._pipe.send_bytes((3).to_bytes(4, "little") + b"{]}")
            case Breakage.OVERSIZE:
                self._pipe.send_bytes((MAX_FRAME_BYTES + 1).to_bytes(4, "little"))
            case Breakage.HALF:
                self._pipe.send_bytes(frame[: len(frame) // 2])


def _last_repeated(plans: tuple[Plan, ...]) -> Iterator[Plan]:
    return itertools.chain(plans, itertools.repeat(plans[-1]))


def _words(text: str) -> list[str]:
    """The words of a text, each with the white space after it: they join to the text."""
    return re.findall(r"\s*\S+\s*|\s+", text) or [""]


def _hello(gpus: tuple[int, ...]) -> Hello:
    return Hello(PROTOCOL_VERSION, os.getpid(), "fake", _devices(gpus), [])


def _devices(gpus: tuple[int, ...]) -> list[Device]:
    cpu = Device("CPU", "scripted fake", DeviceKind.CPU, memory_free=0, memory_total=0)
    cards = (Device(f"CUDA{n}", f"scripted card {n}", DeviceKind.GPU, size, size) for n, size in enumerate(gpus))
    return [cpu, *cards]


def _die(step: Die) -> None:
    if step.signal:
        os.kill(os.getpid(), signal.Signals[step.signal])
        time.sleep(60)  # the signal comes, but not always before kill() returns
    end_process(step.exit_code)


def main(script: Path) -> None:
    """Run the fake engine of a script in this process, which ends with it.

    Raises:
        msgspec.ValidationError, OSError: the script cannot be used.
    """
    life = _take_life(script)
    FakeEngine(life, Pipe.take_over_stdio()).run()
