"""The workflows checked without GitHub: their form (check-jsonschema) and what zizmor knows to be unsafe.

What this cannot show: that they run. Both tools live in an environment of their own in the cache folder.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from devlib.console import Log, StepFailedError, TroubleError, reason_in
from devlib.wheel import cache_dir

from tryout.rooms import Row
from tryout.steps import FailedError, Step, in_turn
from tryout.trial import Trial

TOOLS = ("check-jsonschema==0.39.0", "zizmor==1.32.0")


def _provide_tools(log: Log) -> Path:
    """The folder of the tools' programs."""
    environment = cache_dir() / "tools" / "workflow-lint"
    stamp = environment / "installed"
    programs = environment / ("Scripts" if sys.platform == "win32" else "bin")
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == " ".join(TOOLS):
        return programs
    try:
        log.run([sys.executable, "-m", "venv", "--clear", environment], "Making an environment for the linters")
        log.run([programs / "python", "-m", "pip", "install", "-q", *TOOLS], "Installing the linters")
    except StepFailedError as error:
        why = reason_in(error.output) or f"see {log.path}"
        raise TroubleError(f"The linters of the workflows could not be installed: {why}.") from error
    stamp.write_text(" ".join(TOOLS), encoding="utf-8")
    return programs


def _clean(command: Sequence[str | Path], log: Log) -> str:
    """Run a linter; returns the last line it wrote. Raises FailedError where it finds something."""
    try:
        output = log.run(command, "Checking the workflows")
    except StepFailedError as error:
        raise FailedError(error.output[-1500:].strip()) from error
    return (output.strip().splitlines() or [""])[-1]


def rows(of: Trial) -> Iterator[Row]:
    """Check every workflow.

    Raises:
        TroubleError: the tools could not be installed.
    """
    programs = _provide_tools(of.log)
    workflows = sorted((of.root / ".github" / "workflows").glob("*.yml"))
    form: list[str | Path] = [programs / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows]
    safety: list[str | Path] = [programs / "zizmor", "--offline", "--persona", "pedantic", "--no-progress", *workflows]
    steps: list[Step] = [
        ("the form is GitHub's", lambda: _clean(form, of.log)),
        ("zizmor finds nothing", lambda: _clean(safety, of.log)),
    ]
    for case in steps:
        yield from in_turn("workflows", [case])
