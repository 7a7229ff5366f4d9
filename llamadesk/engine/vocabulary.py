"""Prompts for a model that is not loaded: its vocabulary and its chat format, and none of its weights."""

from __future__ import annotations

from pathlib import Path

from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.core.gguf import read_facts
from llamadesk.core.protocol import Prompt
from llamadesk.engine.history import History
from llamadesk.engine.native import NativeLoadError, VocabularyFile
from llamadesk.engine.prompt import ChatWriter, model_names, needs_renderer
from llamadesk.engine.prompter import Prompter
from llamadesk.engine.renderer import TemplateRenderer
from llamadesk.engine.tokens import Tokenizer


class Vocabulary:
    """What a prompt takes to be made. Belongs to one thread; close it."""

    def __init__(self, path: Path, n_ctx: int) -> None:
        """`n_ctx`: tokens that the context of the model would hold.

        Raises:
            ProblemError: of the model file.
        """
        self.path = path
        self.n_ctx = n_ctx
        facts = read_facts(path)
        try:
            self._file = VocabularyFile(str(path))
        except NativeLoadError as error:
            raise ProblemError(_unreadable()) from error
        template = self._file.chat_template
        self._renderer = TemplateRenderer() if needs_renderer(template) else None
        self._tokenizer = Tokenizer(self._file.vocab, template)
        names = model_names(self._file.vocab, template, path, facts)
        self.prompter = Prompter(ChatWriter(names, self._tokenizer, self._renderer), n_ctx)

    def history(self, _prompt: Prompt) -> History:
        """What is known of a chat: nothing, for nothing was read."""
        return History(self._tokenizer, self._file.vocab.piece)

    def count_tokens(self, text: str) -> int:
        """How many tokens a text makes as plain text."""
        return self._tokenizer.count(text)

    def close(self) -> None:
        """Let go of it."""
        if self._renderer is not None:
            self._renderer.close()
        self._file.close()


def _unreadable() -> Problem:
    return Problem(
        ProblemCode.MODEL_UNSUPPORTED,
        "The words of this model cannot be read.",
        "Choose another model in the settings.",
    )
