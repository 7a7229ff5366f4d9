"""The page of one repository of the hub, and what the headers of its files say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from llamadesk.control.online.hub_questions import HubQuestions
from llamadesk.control.rooms import Rooms
from llamadesk.core.choosing import Machine, usual_memory
from llamadesk.core.errors import ProblemCode, ProblemError
from llamadesk.core.hub import HubFile
from llamadesk.core.hub_fit import HubFit, first_to_look_into, fits_of, in_order
from llamadesk.core.models import ModelFacts
from llamadesk.core.settings import CONTEXT_LENGTH
from llamadesk.state.hub import HubState

if TYPE_CHECKING:
    from llamadesk.web.hub import Hub

_REFUSALS: Final = frozenset({ProblemCode.HUB_GATED, ProblemCode.HUB_TOKEN})


class HubPages:
    """Fills the part of `state` that is about one repository. An answer for a page that was left meanwhile is dropped.

    Args:
        rooms: tells of the machine, and runs what has to be waited for.
        questions: asks the hub.
        state: what is shown.
    """

    def __init__(self, rooms: Rooms, questions: HubQuestions, state: HubState) -> None:
        self._rooms = rooms
        self._questions = questions
        self._state = state
        self._opened = self._reckonings = 0  # how many were begun

    # --- The page ---

    def open(self, repository: str) -> None:
        """See `HubControl.open`."""
        if repository == self._state.repository and self._state.is_opening:
            return
        self._opened += 1
        self._state.begin_page(repository)
        self._rooms.tasks.start(self._open(repository, self._opened), apart=True)

    def open_again(self) -> None:
        """See `HubControl.open_again`."""
        self.open(self._state.repository)

    def close(self) -> None:
        """See `HubControl.close_page`."""
        self._opened += 1
        self._state.begin_page("")

    def end(self) -> None:
        """Nothing that is still awaited is shown any more."""
        self._opened += 1

    def try_what_was_refused(self) -> None:
        """The person is another one to the hub now."""
        problem = self._state.page_problem
        if problem is not None and problem.code in _REFUSALS | {ProblemCode.HUB_MISSING}:
            self.open_again()  # a repository that is private seems to be missing
        elif self._state.refusal is not None:
            self._state.forget_refusals()
            self._rooms.tasks.start(self._look_into_first(self._opened), apart=True)

    async def _open(self, repository: str, number: int) -> None:
        try:
            page = await self._questions.ask(lambda hub: hub.model(repository))
            if number != self._opened:
                return
            self._state.show_page(page)
            files = in_order(await self._questions.ask(lambda hub: hub.files(repository, page.commit or "main")))
        except ProblemError as error:
            if number == self._opened:
                self._state.fail_page(error.problem)
            return
        fits = await self._reckoned(files)
        if number == self._opened:
            self._state.show_files(files, fits)
            await self._look_into_first(number)

    # --- Its files ---

    def look_into(self, file: HubFile) -> None:
        """See `HubControl.look_into`."""
        self._rooms.tasks.start(self._look_into(file, self._opened), apart=True)

    async def _look_into_first(self, number: int) -> None:
        """Read the headers that tell most of the files of the page, one after the other."""
        machine = await self._rooms.tasks.read(self._machine)
        for file in first_to_look_into(self._state.files, machine):
            if number == self._opened and self._state.refusal is None:
                await self._look_into(file, number)

    async def _look_into(self, file: HubFile, number: int) -> None:
        state = self._state
        if number != self._opened or file.path in state.facts or file.path in state.looking:
            return
        state.begin_look(file.path)
        try:
            facts = await self._questions.ask(lambda hub: _facts(hub, file))
        except ProblemError as error:
            if number == self._opened:
                state.fail_look(file.path, error.problem, is_refused=error.problem.code in _REFUSALS)
            return
        if number == self._opened:
            state.end_look(file.path, facts)
            await self._reckon(number)

    async def _reckon(self, number: int) -> None:
        """Say anew whether the files of the page fit."""
        self._reckonings += 1
        reckoning = self._reckonings
        fits = await self._reckoned(self._state.files)
        if number == self._opened and reckoning == self._reckonings:
            self._state.set_fits(fits)

    async def _reckoned(self, files: Sequence[HubFile]) -> dict[str, HubFit]:
        facts, n_ctx = dict(self._state.facts), self._rooms.settings.get(CONTEXT_LENGTH, int)
        return await self._rooms.tasks.read(lambda: fits_of(files, facts, self._machine(), n_ctx))

    def _machine(self) -> Machine:
        """This one, whatever happens to run on it at the moment. Blocking: it imports."""
        import psutil  # noqa: PLC0415

        engine = self._rooms.engine
        memory = usual_memory(psutil.virtual_memory().total, engine.gpus)
        return Machine(memory, cpu_features=tuple(engine.cpu_features))


def _facts(hub: Hub, file: HubFile) -> ModelFacts:
    """What a file's header says. Blocking."""
    from llamadesk.core.gguf import facts_of  # noqa: PLC0415 - only a thread of its own needs it

    return facts_of(hub.gguf_header(file))
