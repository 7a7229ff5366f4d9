"""Things that are tried one after the other, each of which needs those before it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Sequence

from tryout.rooms import Row

Step = tuple[str, Callable[[], str]]
"""What is tried, and what tries it: it returns what was seen, or raises."""


class FailedError(Exception):
    """Something did not come about; the text says what was seen."""


def in_turn(case: str, steps: Sequence[Step]) -> Iterator[Row]:
    """Try each step until one fails; a row for each, also for those that were not tried then."""
    failed = False
    for name, step in steps:
        if failed:
            yield Row(f"{case}: {name}", False, "not tried, for what comes before it failed")
            continue
        row = tried(f"{case}: {name}", step)
        failed = not row.ok
        yield row


def tried(name: str, step: Callable[[], str]) -> Row:
    """A row called `name`: what `step` returned, or how it failed."""
    try:
        return Row(name, True, step())
    except FailedError as error:
        return Row(name, False, str(error))
    except subprocess.CalledProcessError as error:
        return Row(name, False, f"{error.cmd[0]} ended with {error.returncode}: {(error.output or '')[-800:].strip()}")
    except (OSError, subprocess.SubprocessError) as error:
        return Row(name, False, f"{type(error).__name__}: {error}")
