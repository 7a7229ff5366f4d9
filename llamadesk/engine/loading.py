"""Loads a model for use, or says in plain words why it cannot be."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import psutil

from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.core.fingerprint import fingerprint
from llamadesk.core.gguf import read_facts
from llamadesk.core.models import ModelFacts
from llamadesk.core.protocol import Estimate, Estimated, LoadedModel, LoadSettings
from llamadesk.engine.adapters import apply_adapters
from llamadesk.engine.backends import Backends
from llamadesk.engine.cancel import CancelFlag
from llamadesk.engine.estimate import estimate
from llamadesk.engine.memory import peak_bytes, reset_peak
from llamadesk.engine.native import Context, Model, NativeLoadError, NativeLog
from llamadesk.engine.prompt import ChatWriter, ModelNames, needs_renderer
from llamadesk.engine.renderer import TemplateRenderer
from llamadesk.engine.session import Session
from llamadesk.engine.thinking import thinks
from llamadesk.engine.tokens import Tokenizer

_PROGRESS_SECONDS: Final = 0.05
# What llama.cpp's log says where it gives no model; the first group that has a word in it decides.
_REASONS: Final = (
    (ProblemCode.MODEL_TOO_LARGE, ("alloc", "out of memory", "not enough memory")),
    (ProblemCode.MODEL_UNSUPPORTED, ("unknown model architecture", "unknown pre-tokenizer", "unknown tokenizer")),
    (
        ProblemCode.MODEL_DAMAGED,
        ("file bounds", "missing tensor", "wrong shape", "wrong number of tensors", "invalid", "corrupt", "not found"),
    ),
)


class Loader:
    """Loads models, one after the other, and keeps the process that renders their chat templates."""

    def __init__(self, log: NativeLog, backends: Backends) -> None:
        """`log` tells why a load failed; `backends` what there is to compute with."""
        self._log = log
        self._backends = backends
        self._gpus = [handle for handle, _ in backends.gpus()]
        self._renderer: TemplateRenderer | None = None
        self._accelerators_free = 0  # before the weights of now were loaded

    def load(
        self,
        settings: LoadSettings,
        cancel: CancelFlag,
        on_progress: Callable[[float], None],
        kept: Model | None = None,
    ) -> tuple[Session, LoadedModel]:
        """Load a model and try it once.

        Args:
            settings, cancel: what is loaded, and what stops that.
            on_progress: gets the fraction of the weights that is loaded.
            kept: the weights of before, owned from now on: where they are the very same, they are not read again.

        Raises:
            ProblemError: of the model file, MODEL_TOO_LARGE, ADAPTER_UNUSABLE, LOAD_FAILED or LOAD_CANCELLED. Nothing
                stays loaded.
        """
        path = Path(settings.model_path)
        reset_peak()
        try:
            facts = read_facts(path)
            if facts.has_chat_template and self._renderer is None:
                self._renderer = TemplateRenderer()  # starts while the weights are read
            self._log.errors.clear()
            if kept is not None and kept.serves(settings.model_path, settings, self._gpus):
                model, kept = kept, None
                on_progress(1.0)
            else:
                model = self._read(settings, cancel, on_progress, kept)
                kept = None
        finally:
            if kept is not None:
                kept.close()
        try:
            context = self._context(model, settings)
        except ProblemError:
            model.close()
            raise
        try:
            apply_adapters(model, context, settings.adapters, self._log)
            self._warm_up(model, context, cancel)
            tokenizer, writer = self._chat_format(model, path, facts)
            return Session(model, context, tokenizer, writer), self._describe(model, context, settings, path, writer)
        except BaseException:
            context.close()
            model.close()
            raise

    def estimate(self, question: Estimate) -> Estimated:
        """What a load would take; may be called from any thread, and takes some tenths of a second.

        Raises:
            ProblemError: of the model file, or LOAD_FAILED.
        """
        found = estimate(question.settings, self._backends.modules)
        return Estimated(question.id, list(found.memory), list(found.devices))

    def _read(
        self,
        settings: LoadSettings,
        cancel: CancelFlag,
        on_progress: Callable[[float], None],
        replaced: Model | None,
    ) -> Model:
        if replaced is not None:  # first: there may be no room for both
            replaced.close()
            reset_peak()
        self._accelerators_free = self._free_on_gpus()
        try:
            return Model(settings.model_path, settings, _Progress(cancel, on_progress), self._gpus)
        except NativeLoadError as error:
            raise ProblemError(load_cancelled() if cancel.is_set else self._load_problem()) from error

    def _free_on_gpus(self) -> int:
        return sum(gpu.memory_free for _, gpu in self._backends.gpus()) if self._gpus else 0

    def _context(self, model: Model, settings: LoadSettings) -> Context:
        if not model.writes_text:
            raise ProblemError(
                Problem(
                    ProblemCode.MODEL_UNSUPPORTED,
                    "This model is not made for chatting.",
                    'Choose a model that writes text, such as one with "instruct" or "chat" in its name.',
                )
            )
        try:
            return Context(model, settings, settings.n_threads or default_threads())
        except NativeLoadError as error:
            raise ProblemError(
                Problem(
                    ProblemCode.MODEL_TOO_LARGE,
                    f"There is not enough memory for a context length of {settings.n_ctx:,} tokens.",
                    "Choose a shorter context length in the settings, or close other programs.",
                    self._detail(),
                )
            ) from error

    def _warm_up(self, model: Model, context: Context, cancel: CancelFlag) -> None:
        context.watch(cancel)
        context.warm_up(max(model.vocab.bos, 0))
        context.watch(None)
        if cancel.is_set:
            raise ProblemError(load_cancelled())

    def _chat_format(self, model: Model, path: Path, facts: ModelFacts) -> tuple[Tokenizer, ChatWriter]:
        template = model.chat_template
        if not needs_renderer(template):
            self.close()
        tokenizer = Tokenizer(model.vocab, template)
        names = ModelNames(
            names=f"{facts.name} {path.stem} {facts.architecture}",
            template=template,
            bos=model.vocab.text_of(model.vocab.bos),
            eos=model.vocab.text_of(model.vocab.eos),
        )
        return tokenizer, ChatWriter(names, tokenizer, self._renderer)

    def _describe(
        self, model: Model, context: Context, settings: LoadSettings, path: Path, writer: ChatWriter
    ) -> LoadedModel:
        all_layers = model.n_layers + 1  # the output layer counts
        wanted = all_layers if settings.n_gpu_layers < 0 else min(settings.n_gpu_layers, all_layers)
        return LoadedModel(
            name=model.metadata("general.name") or path.stem,
            path=settings.model_path,
            description=model.description,
            n_layers=model.n_layers,
            n_ctx=context.n_ctx,
            n_ctx_train=model.n_ctx_train,
            n_gpu_layers=wanted if self._gpus else 0,
            n_params=model.n_params,
            size_bytes=model.size_bytes,
            template_source=writer.source,
            fingerprint=_fingerprint(path),
            thinks=thinks(model.chat_template),
            peak_bytes=peak_bytes(),
            accelerator_bytes=max(0, self._accelerators_free - self._free_on_gpus()) if wanted else 0,
        )

    def close(self) -> None:
        """End the process that renders templates, if there is one."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    def _detail(self) -> str:
        return " | ".join(self._log.errors)[-1000:]

    def _load_problem(self) -> Problem:
        detail = self._detail()
        code = next((code for code, words in _REASONS if any(word in detail for word in words)), None)
        if code is ProblemCode.MODEL_TOO_LARGE:
            return Problem(
                code,
                "There is not enough memory for this model.",
                "Choose a smaller model or quantization, or close other programs.",
                detail,
            )
        if code is ProblemCode.MODEL_UNSUPPORTED:
            return Problem(
                code,
                "This version of LlamaDesk does not know this kind of model.",
                "Choose another model, or look for a newer version of LlamaDesk.",
                detail,
            )
        if code is ProblemCode.MODEL_DAMAGED:
            return Problem(code, "The model file is damaged or incomplete.", "Download it again.", detail)
        return Problem(
            ProblemCode.LOAD_FAILED,
            "The model could not be loaded.",
            "Download it again, or choose another one.",
            detail,
        )


class _Progress:
    """Passes progress on, not too often, and tells llama.cpp whether to go on."""

    def __init__(self, cancel: CancelFlag, tell: Callable[[float], None]) -> None:
        self._cancel = cancel
        self._tell = tell
        self._told = 0.0

    def __call__(self, fraction: float) -> bool:
        now = time.monotonic()
        if now - self._told >= _PROGRESS_SECONDS or fraction >= 1:
            self._told = now
            self._tell(fraction)
        return not self._cancel.is_set


def _fingerprint(path: Path) -> str:
    try:
        return fingerprint(path)
    except OSError:  # gone meanwhile: then nothing is learned of it
        return ""


def default_threads() -> int:
    """Threads to compute with: the physical cores, as far as this process may use them."""
    cores = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else cores
    return max(1, min(cores, allowed))


def load_cancelled() -> Problem:
    """What a load that was stopped ends in."""
    return Problem(ProblemCode.LOAD_CANCELLED, "Loading the model was stopped.", "Choose a model to load one.")
