"""The checks that are not tests: style, types, import contracts."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field

from devlib.console import say
from devlib.environment import Environment


@dataclass(frozen=True)
class Check:
    """One program that must end without an error; `env` is added to its environment."""

    name: str
    tool: str
    arguments: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)


_PACKAGING = ("packaging/dev.py", "packaging/devlib", "packaging/tryout", "packaging/release")
CHECKS = (
    Check("ruff check", "ruff", ("check",)),
    Check("ruff format", "ruff", ("format", "--check")),
    Check("mypy", "mypy"),
    Check("mypy of packaging", "mypy", _PACKAGING, {"MYPYPATH": os.pathsep.join(("packaging", "."))}),
    Check("import contracts", "lint-imports"),
)


def run_checks(environment: Environment) -> list[str]:
    """Run every check and say how each ended, with its output where it failed; returns the names of those."""
    failed = []
    for check in CHECKS:
        done = subprocess.run(
            [environment.tool(check.tool), *check.arguments],
            cwd=environment.root,
            env={**os.environ, **check.env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        say(f"{check.name}: {'ok' if done.returncode == 0 else 'FAILED'}")
        if done.returncode:
            say(done.stdout)
            failed.append(check.name)
    return failed
