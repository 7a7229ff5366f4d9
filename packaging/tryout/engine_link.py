"""An engine process, spoken to as the window does; whatever goes wrong with it becomes a sentence."""

from __future__ import annotations

import queue
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from llamadesk.core.protocol import Failed, Finished, Loaded
from tests.engine_driver import EngineDriver, Reply, system, user
from tryout.steps import FailedError
from tryout.trial import STARTER_ANSWER, Trial

ENGINE = "llamadesk-engine"
ANSWER_SECONDS = 120.0
"""How long an engine may take to start, to load the starter model or to write one more word, on a busy machine."""
SHORT_QUESTION = (system("Answer correctly."), user("France's capital?"))
"""What the starter model answers with STARTER_ANSWER, in the fewest tokens: some engines here need seconds for each."""
SHORT_ANSWER_TOKENS = 6


def bundled_engine(bundle: Path) -> tuple[str, ...]:
    """The bundle's engine as it is called, without `--engine`."""
    return (str(bundle / ENGINE),)


def native_engine(trial: Trial) -> tuple[str, ...]:
    """The engine of the checkout, with the llama.cpp that was compiled for this processor alone."""
    return (str(trial.python), "-P", "-m", "llamadesk")


def bundled_model(bundle: Path) -> Path:
    """The starter model that the bundle carries.

    Raises:
        FailedError: it carries none, or several models.
    """
    models = list((bundle / "_internal" / "resources" / "models").glob("*.gguf"))
    if len(models) != 1:
        raise FailedError(f"the bundle carries {len(models)} models")
    return models[0]


@contextmanager
def engine(
    program: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    patience: float = ANSWER_SECONDS,
    said: Path | None = None,
) -> Iterator[EngineDriver]:
    """A running engine that has said Hello, for as long as the context lasts.

    Args:
        program: what starts it, without `--engine`.
        env: added to the environment.
        patience: seconds that each of its answers may take.
        said: the file for what it writes to standard error.

    Raises:
        FailedError: it did not start, ended early, went silent, or did not end when it should.
    """
    with tempfile.TemporaryDirectory(prefix="llamadesk-engine-") as folder:
        errors = said or Path(folder) / "stderr"
        try:
            driver = EngineDriver(stderr=errors, program=program, env=env, patience=patience)
            try:
                yield driver
            except BaseException:
                driver.kill()
                raise
            if code := driver.close():
                raise FailedError(f"the engine was to end, and ended with {code}: {_last_words(errors)}")
        except queue.Empty:
            raise FailedError(f"no answer within {patience:.0f} seconds: {_last_words(errors)}") from None
        except (AssertionError, OSError) as error:
            raise FailedError(f"{error}: {_last_words(errors)}") from error


def _last_words(errors: Path) -> str:
    lines = errors.read_text(encoding="utf-8", errors="replace").strip().splitlines() if errors.is_file() else []
    return " / ".join(lines[-3:])[-600:] or "it wrote nothing"


def load(driver: EngineDriver, model: Path, **settings: object) -> Loaded:
    """Load a model with `settings` of LoadSettings.

    Raises:
        FailedError: it could not be loaded.
    """
    end = driver.load(model, **settings)
    if isinstance(end, Failed):
        raise FailedError(f"the model was not loaded: {end.problem}")
    return end


def finished(reply: Reply) -> Finished:
    """How a reply ended.

    Raises:
        FailedError: by a trouble.
    """
    if isinstance(reply.end, Failed):
        raise FailedError(f"no reply: {reply.end.problem}")
    return reply.end


def ask_shortly(driver: EngineDriver) -> str:
    """Have the starter model, which is loaded, answer SHORT_QUESTION with the likeliest words.

    Raises:
        FailedError: that is not what it answered.
    """
    reply = driver.chat(*SHORT_QUESTION, max_tokens=SHORT_ANSWER_TOKENS)
    finished(reply)
    if STARTER_ANSWER not in reply.text:
        raise FailedError(f"asked for the capital of France, the starter model replied {reply.text!r}")
    return reply.text
