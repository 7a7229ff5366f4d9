"""The commands of `packaging/dev.py`."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from devlib import system
from devlib.checks import run_checks
from devlib.console import Log, TroubleError, say
from devlib.desktop import desktop
from devlib.environment import Environment, Purpose

ROOT = Path(__file__).resolve().parents[2]
ON_LINUX = sys.platform.startswith("linux")


def run(app_arguments: Sequence[str], log: Log) -> int:
    """Start the app from the sources."""
    if ON_LINUX and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise TroubleError(
            "There is no screen to show a window on (DISPLAY is not set): run this in a desktop session."
        )
    environment = Environment(ROOT)
    environment.prepare(log, Purpose.RUNNING)
    system.provide(system.WINDOW, "The window", log)
    return subprocess.call([environment.python, "-m", "llamadesk", *app_arguments])


def _for_development(log: Log) -> Environment:
    environment = Environment(ROOT)
    environment.prepare(log, Purpose.DEVELOPMENT)
    system.provide([*system.WINDOW, *system.DISPLAY], "Testing the window", log)
    return environment


def test(pytest_arguments: Sequence[str], log: Log) -> int:
    """Run every check and every test."""
    environment = _for_development(log)
    failed = run_checks(environment)
    if failed:
        say(f"Checks that failed: {', '.join(failed)}")
    tests = subprocess.call([environment.python, "-m", "pytest", *pytest_arguments], cwd=ROOT)
    return tests or int(bool(failed))


def lint(log: Log) -> int:
    """Run every check and no test."""
    environment = Environment(ROOT)
    environment.prepare(log, Purpose.DEVELOPMENT)
    return int(bool(run_checks(environment)))


def bench(names: Sequence[str], json_file: Path | None, log: Log) -> int:
    """Measure, on a screen of its own where that can be."""
    environment = _for_development(log)
    command = [str(environment.python), "-m", "tests.benchmarks", *names]
    if json_file is not None:
        command += ["--json", str(json_file.absolute())]
    # The programs that some figures are compared with are compiled by devlib.
    env = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "packaging")))}
    if not ON_LINUX:
        return subprocess.call(command, env=env)
    with desktop() as screen:
        return subprocess.call(command, env={**env, **screen})


def tryout(names: Sequence[str], json_file: Path | None, log: Log) -> int:
    """Try what `bundle` made, as people will get it."""
    environment = _for_development(log)
    command = [str(environment.python), "-m", "tryout", *names]
    if json_file is not None:
        command += ["--json", str(json_file.absolute())]
    paths = os.pathsep.join((str(ROOT / "packaging"), str(ROOT)))
    return subprocess.call(command, env={**os.environ, "PYTHONPATH": paths})


def parse(arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """The command with its options, and what follows "--"."""
    parser = argparse.ArgumentParser(
        prog="dev.py", description="Run, test, measure and package LlamaDesk from its sources."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="start the app; what follows -- is for the app")
    commands.add_parser("test", help="all checks and tests; what follows -- is for pytest")
    commands.add_parser("lint", help="style, types and import contracts")
    commands.add_parser("bundle", help="make the bundle and this system's packages of it, below build/")
    accelerator = commands.add_parser("accelerator", help="make a GPU module that people may add")
    accelerator.add_argument("kind", choices=["cuda"])
    accelerator.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the archive comes to lie")
    for name, what in (("bench", "measure what must hold"), ("tryout", "try what `bundle` made, in clean rooms")):
        measuring = commands.add_parser(name, help=what)
        measuring.add_argument("--json", type=Path, metavar="FILE", help="write the rows to this file")
        measuring.add_argument("names", nargs="*", help="only the rows whose names contain one of these")
    own = list(arguments)
    passed_on: list[str] = []
    if "--" in own:
        at = own.index("--")
        own, passed_on = own[:at], own[at + 1 :]
    chosen = parser.parse_args(own)
    if passed_on and chosen.command not in ("run", "test"):
        parser.error(f"{chosen.command} passes nothing on")
    return chosen, passed_on


def in_words(error: OSError) -> str:
    """A refusal of the system as a sentence for a person."""
    where = f" ({error.filename})" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk is full{where}."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"A file or folder may not be written{where}."
    return f"The system refused something{where}: {error.strerror or error}."


def _on_sigterm(_number: int, _frame: FrameType | None) -> NoReturn:
    """End what was started too: leaving `subprocess.call` by an exception kills the program it waits for."""
    raise SystemExit(143)


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit status."""
    chosen, passed_on = parse(arguments)
    log = Log(ROOT / "build")
    signal.signal(signal.SIGTERM, _on_sigterm)
    try:
        if chosen.command == "run":
            return run(passed_on, log)
        if chosen.command == "test":
            return test(passed_on, log)
        if chosen.command == "bench":
            return bench(chosen.names, chosen.json, log)
        if chosen.command == "tryout":
            return tryout(chosen.names, chosen.json, log)
        if chosen.command in ("bundle", "accelerator"):
            from devlib import bundle  # noqa: PLC0415 - nobody else needs what packages are made with

            if chosen.command == "bundle":
                bundle.bundle(ROOT, log)
            else:
                bundle.make_accelerator(ROOT, chosen.kind, chosen.out, log)
            return 0
        return lint(log)
    except TroubleError as trouble:
        say(str(trouble))
    except OSError as error:
        log.write(f"{error!r}\n")
        say(f"{in_words(error)} The details are in {log.path}.")
    except KeyboardInterrupt:
        return 130
    finally:
        log.close()
    return 1
