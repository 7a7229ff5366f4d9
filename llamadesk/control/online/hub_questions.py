"""How the hub is asked: on threads of their own, which nothing waits for."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from llamadesk.control.online.hub_account import HubAccount
from llamadesk.control.tasks import Tasks
from llamadesk.core.errors import Problem, ProblemError
from llamadesk.state.hub import HubState

if TYPE_CHECKING:
    from llamadesk.web.hub import Hub

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class HubQuestions:
    """Asks, and tells `state` of the token, which may be found only then.

    Args:
        tasks: runs what has to be waited for.
        account: whose connection is used.
        state: what is shown.
    """

    def __init__(self, tasks: Tasks, account: HubAccount, state: HubState) -> None:
        self._tasks = tasks
        self._account = account
        self._state = state
        self.tell_of_token()

    async def ask(self, question: Callable[[Hub], _T]) -> _T:
        """What the hub answers; it may hang.

        Raises:
            ProblemError: it gave no answer that helps.
        """
        try:
            return await self._tasks.read_apart(self._answer, question)
        except ProblemError as error:
            _log.info("The hub: %s", error.problem.code)  # the rest may say what was looked for
            raise
        finally:
            self.tell_of_token(self._state.token_problem)

    def tell_of_token(self, problem: Problem | None = None) -> None:
        """Show where the token is kept now, and why the last one was not taken."""
        token = self._account.token
        self._state.set_token(
            token.place,
            can_forget=token.can_forget,
            keeps_tokens=token.keeps,
            number=token.number,
            problem=problem,
        )

    def _answer(self, question: Callable[[Hub], _T]) -> _T:
        from llamadesk.web.hub import Hub  # noqa: PLC0415 - only a thread of its own imports what uses the network

        return question(Hub(self._account.connection()))
