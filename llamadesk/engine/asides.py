"""Questions that are answered beside other work: how long a prompt is, what the model sees, what a load would take."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.core.protocol import (
    Answer,
    Aside,
    CountTokens,
    Estimate,
    Estimated,
    Failed,
    Measure,
    Measured,
    Prompt,
    PromptShown,
    ShowPrompt,
    TokenCount,
)
from llamadesk.engine.history import History
from llamadesk.engine.prompter import Prompter
from llamadesk.engine.troubles import explained
from llamadesk.engine.vocabulary import Vocabulary


class Reads(Protocol):
    """What makes prompts: a `llamadesk.engine.session.Session`, or a `Vocabulary`."""

    @property
    def n_ctx(self) -> int: ...  # noqa: D102
    @property
    def prompter(self) -> Prompter: ...  # noqa: D102
    def history(self, prompt: Prompt, /) -> History: ...  # noqa: D102
    def count_tokens(self, text: str, /) -> int: ...  # noqa: D102


class Asides:
    """Answers on threads of its own; `take`, `use` and `release` may be called from any."""

    def __init__(self, send: Callable[[Answer], None], estimate: Callable[[Estimate], Estimated]) -> None:
        """`estimate` may take seconds; other questions do not wait for it."""
        self._send = send
        self._estimate = estimate
        self._in_use = threading.Lock()  # held while a question is answered by what may be freed
        self._session: Reads | None = None
        self._vocabulary: Vocabulary | None = None
        self._prompts = _Lane("asides", self._answer)
        self._loads = _Lane("estimates", self._answer)

    def take(self, question: Aside) -> None:
        """Answer it when its turn comes."""
        (self._loads if isinstance(question, Estimate) else self._prompts).put(question)

    def use(self, session: Reads) -> None:
        """This model is loaded now."""
        with self._in_use:
            self._session = session
            if self._vocabulary is not None:
                self._vocabulary.close()
                self._vocabulary = None

    def release(self) -> None:
        """The model is about to be freed: returns when no question uses it any more, and none will."""
        with self._in_use:
            self._session = None

    def _answer(self, question: Aside) -> None:
        try:
            self._send(self._answer_to(question))
        except Exception as error:
            self._send(Failed(question.id, explained(question.id, error)))

    def _answer_to(self, question: Aside) -> Answer:
        if isinstance(question, Estimate):
            return self._estimate(question)
        if isinstance(question, ShowPrompt) and question.model_path:
            return _shown_by_file(question)
        with self._in_use:
            match question:
                case CountTokens(id=id_, text=text):
                    return TokenCount(id_, self._loaded().count_tokens(text))
                case Measure():
                    return _measured(question, self._session or self._vocabulary_of(question))
                case ShowPrompt():
                    return _shown(question, self._loaded())

    def _loaded(self) -> Reads:
        """What is loaded, or else the vocabulary that was asked of last."""
        reads = self._session or self._vocabulary
        if reads is None:
            raise ProblemError(_no_model())
        return reads

    def _vocabulary_of(self, question: Measure) -> Reads:
        """The vocabulary of the file that the question names; kept until another one is wanted."""
        if not question.model_path or question.n_ctx <= 0:
            raise ProblemError(_no_model())
        path, known = Path(question.model_path), self._vocabulary
        if known is not None and (known.path, known.n_ctx) == (path, question.n_ctx):
            return known
        if known is not None:
            self._vocabulary = None
            known.close()
        self._vocabulary = Vocabulary(path, question.n_ctx)
        return self._vocabulary


class _Lane:
    """A thread that answers questions one after the other."""

    def __init__(self, name: str, answer: Callable[[Aside], None]) -> None:
        self._waiting: queue.SimpleQueue[Aside] = queue.SimpleQueue()
        self._answer = answer
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def put(self, question: Aside) -> None:
        self._waiting.put(question)

    def _run(self) -> None:
        while True:
            self._answer(self._waiting.get())


def _measured(question: Measure, reads: Reads) -> Measured:
    prompt = question.prompt
    size = reads.prompter.measure(prompt, question.draft, reads.history(prompt))
    return Measured(question.id, size.n_system, size.n_history, size.n_draft, reads.n_ctx, size.dropped)


def _shown(question: ShowPrompt, reads: Reads) -> PromptShown:
    pieces, dropped = reads.prompter.pieces(question.prompt, reads.history(question.prompt))
    return PromptShown(question.id, pieces, dropped)


def _shown_by_file(question: ShowPrompt) -> PromptShown:
    """With a vocabulary that is let go of again: this is asked once for a file."""
    if question.n_ctx <= 0:
        raise ProblemError(_no_model())
    vocabulary = Vocabulary(Path(question.model_path), question.n_ctx)
    try:
        return _shown(question, vocabulary)
    finally:
        vocabulary.close()


def _no_model() -> Problem:
    return Problem(ProblemCode.NO_MODEL, "No model is loaded.", "Choose a model first.")
