"""What the engine answers to a request, to be awaited."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

from llamadesk.bridge.client import EngineClient
from llamadesk.core.errors import Problem, ProblemError
from llamadesk.core.protocol import Finished, Measured, PromptShown, RequestId

if TYPE_CHECKING:
    import asyncio


class EngineAnswers(QObject):
    """Turns signals of the client that end a request into results of coroutines."""

    def __init__(self, client: EngineClient, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._awaited: dict[RequestId, asyncio.Future[object]] = {}
        client.measured.connect(self._on_answer)
        client.prompt_shown.connect(self._on_answer)
        client.finished.connect(self._on_answer)
        client.failed.connect(self._on_failed)

    async def measured(self, request_id: RequestId) -> Measured:
        """The answer to a Measure that was just asked. Raises ProblemError where it failed."""
        answer = await self._answer(request_id)
        assert isinstance(answer, Measured)
        return answer

    async def prompt_shown(self, request_id: RequestId) -> PromptShown:
        """The answer to a ShowPrompt that was just asked. Raises ProblemError where it failed."""
        answer = await self._answer(request_id)
        assert isinstance(answer, PromptShown)
        return answer

    async def finished(self, request_id: RequestId) -> Finished:
        """The end of a reply that was just asked for. Raises ProblemError where it failed."""
        answer = await self._answer(request_id)
        assert isinstance(answer, Finished)
        return answer

    async def _answer(self, request_id: RequestId) -> object:
        import asyncio  # noqa: PLC0415 - slow to import: not before there is a loop

        future = self._awaited[request_id] = asyncio.get_running_loop().create_future()
        try:
            return await future
        finally:
            del self._awaited[request_id]

    @Slot(int, object)
    def _on_answer(self, request_id: int, answer: object) -> None:
        future = self._awaited.get(request_id)
        if future is not None and not future.done():
            future.set_result(answer)

    @Slot(int, object)
    def _on_failed(self, request_id: int, problem: Problem) -> None:
        future = self._awaited.get(request_id)
        if future is not None and not future.done():
            future.set_exception(ProblemError(problem))
