"""From the turns of a chat to the text of a prompt, in the chat format of the model."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from llamadesk.core.chat import Role
from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.core.models import ModelFacts
from llamadesk.core.protocol import Turn
from llamadesk.engine import formats
from llamadesk.engine.formats import ChatFormat
from llamadesk.engine.native import Vocab
from llamadesk.engine.renderer import RenderRequest, TemplateFailed, TemplateUnusable
from llamadesk.engine.tokens import Tokenizer

_log = logging.getLogger(__name__)
_PROBE = (Turn(Role.USER, "Hello"),)
_SPARE_CHARS = 1_000_000


class Renders(Protocol):
    """What renders a file's template; see `llamadesk.engine.renderer.TemplateRenderer`."""

    def render(self, request: RenderRequest) -> str: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class ModelNames:
    """What decides about the chat format of a model. `names`: of model, file and architecture, in one text."""

    names: str
    template: str
    bos: str
    eos: str


def model_names(vocab: Vocab, template: str, path: Path, facts: ModelFacts) -> ModelNames:
    """What decides about the chat format of the model in the file at `path`, whose own template that is."""
    return ModelNames(
        names=f"{facts.name} {path.stem} {facts.architecture}",
        template=template,
        bos=vocab.text_of(vocab.bos),
        eos=vocab.text_of(vocab.eos),
    )


class ChatWriter:
    """Writes the turns of a chat as the model wants them: by the template of its file, or else a built-in format.

    May be used from several threads."""

    def __init__(self, model: ModelNames, tokenizer: Tokenizer, renderer: Renders | None) -> None:
        """`renderer` may be None where `needs_renderer` says that there is nothing to render."""
        self._model = model
        self._tokenizer = tokenizer
        self._renderer = renderer if needs_renderer(model.template) else None
        if formats.is_llama_2(model.template):
            self._built_in: ChatFormat | None = formats.LLAMA_2
        else:
            self._built_in = formats.built_in(model.names, set(tokenizer.names))
            if self._built_in is None and self._renderer is None:
                self._built_in = formats.PLAIN
        self._probe()

    @property
    def template(self) -> str:
        """The file's own template, or ""."""
        return self._model.template

    @property
    def tokenizer(self) -> Tokenizer:
        """What makes tokens of the text that is written."""
        return self._tokenizer

    @property
    def source(self) -> str:
        """Where the chat format comes from, as `LoadedModel.template_source` tells it."""
        if self._renderer is not None or self._built_in is None:
            return "file"
        return f"built-in: {self._built_in.name}"

    @property
    def stop(self) -> tuple[str, ...]:
        """Strings that end a reply in this format."""
        return () if self._renderer is not None or self._built_in is None else self._built_in.stop

    def write(self, turns: Sequence[Turn]) -> str:
        """The prompt as text, control tokens by their names, those that somebody typed marked (see `Tokenizer`).

        Raises:
            ProblemError: TEMPLATE_FAILED.
        """
        guard = self._tokenizer.guard
        turns = [
            Turn(turn.role, guard(turn.content, generated=turn.role is Role.ASSISTANT))
            for turn in turns
            if turn.role is not Role.SYSTEM or turn.content.strip()
        ]
        detail = "no template"
        renderer = self._renderer
        if renderer is not None:
            try:
                return self._render(renderer, turns)
            except TemplateFailed as error:
                detail = str(error)
                _log.warning("The chat template of the file failed: %s", detail)
        if self._built_in is None:
            raise ProblemError(_template_problem(detail))
        return self._built_in.write(turns, self._model.bos, self._model.eos)

    def _render(self, renderer: Renders, turns: Sequence[Turn]) -> str:
        """Render, with the system text in the person's first turn where the template refuses or ignores the role."""
        has_system = bool(turns) and turns[0].role is Role.SYSTEM
        try:
            text = renderer.render(self._request(turns))
            if not has_system or turns[0].content.strip() in text:
                return text
        except TemplateUnusable:
            self._renderer = None
            raise
        except TemplateFailed:
            if not has_system:
                raise
        return renderer.render(self._request(formats.fold_system(turns)))

    def _request(self, turns: Sequence[Turn]) -> RenderRequest:
        return RenderRequest(
            template=self._model.template,
            messages=[{"role": turn.role.value, "content": turn.content} for turn in turns],
            bos=self._model.bos,
            eos=self._model.eos,
            max_chars=_SPARE_CHARS + 2 * sum(len(turn.content) for turn in turns),
        )

    def _probe(self) -> None:
        """Try the template now, so that `source` tells the truth and the first question finds it compiled."""
        if self._renderer is None:
            return
        try:
            self._render(self._renderer, _PROBE)
        except TemplateFailed as error:
            _log.warning("The chat template of the file cannot be used: %s", error)
            if self._built_in is not None:
                self._renderer = None


def needs_renderer(template: str) -> bool:
    """Whether a file's template is rendered at all: there is one, and it is none whose words are known exactly."""
    return bool(template.strip()) and not formats.is_llama_2(template)


def _template_problem(detail: str) -> Problem:
    return Problem(
        ProblemCode.TEMPLATE_FAILED,
        "This model's chat template does not work, so it cannot be asked anything.",
        "Choose another model, or another copy of this one: the template is part of the model's file.",
        detail,
    )
