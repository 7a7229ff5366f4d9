"""What the person sees of a long step, and what goes to the log."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

QUIET_SECONDS = 2.0
"""A step that takes longer than this says that it is alive."""
LINE_EVERY_SECONDS = 15.0
"""How often it says so where the output is no terminal, and each sign of life is a line of its own."""


class TroubleError(Exception):
    """The work cannot go on; the text says why in one sentence for a person."""


class StepFailedError(Exception):
    """A program ended with an error; `output` is all it wrote."""

    def __init__(self, command: Sequence[str], returncode: int, output: str) -> None:
        super().__init__(f"{command[0]} ended with {returncode}")
        self.output = output


_REASONS: tuple[tuple[str, str], ...] = (
    (r"No space left on device|not enough space|Errno 28|disk quota exceeded", "the disk is full"),
    (
        r"NewConnectionError|Temporary failure (in name resolution|resolving)|Could not resolve|Network is unreachable|"
        r"Max retries exceeded|Connection (refused|reset|aborted|timed out)|Failed to fetch|getaddrinfo failed|"
        r"ProxyError|ReadTimeout|ConnectTimeout|IncompleteRead|Connection broken",
        "there is no network connection to the package servers",
    ),
    (r"SSLError|CERTIFICATE_VERIFY_FAILED", "the package server's certificate is not trusted here"),
    (r"THESE PACKAGES DO NOT MATCH THE HASHES|hash mismatch", "a download arrived damaged; try again"),
    (
        r"CMAKE_C(XX)?_COMPILER|No CMAKE_.*COMPILER could be found|Could not find compiler|"
        r"Visual Studio .*(not|could not)|xcrun: error|unable to find a compiler",
        "there is no working C++ compiler",
    ),
    (r"Killed signal|virtual memory exhausted|Cannot allocate memory|out of memory", "the memory ran out"),
    (r"Permission denied|Operation not permitted|Read-only file system|EACCES", "a file or folder may not be written"),
    (
        r"Could not get lock|dpkg frontend lock|is locked by another",
        "another program is installing packages; wait for it",
    ),
    (r"Requires-Python|requires a different Python", "a package does not support this version of Python"),
    (r"No matching distribution|Could not find a version|Unable to locate package", "a package was not to be found"),
)


def reason_in(output: str) -> str | None:
    """Why a program failed, in a few plain words; None where its output names nothing that is known."""
    return next((words for pattern, words in _REASONS if re.search(pattern, output, re.IGNORECASE)), None)


def say(text: str) -> None:
    """A line for the person, at once."""
    print(text, flush=True)


class Log:
    """The file that takes what programs write. Made where it can be: in `folder`, else in the temporary folder."""

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.path = folder / "dev.log"
            self._file: IO[str] = self.path.open("w", encoding="utf-8", errors="replace")
        except OSError:
            self.path = Path(tempfile.gettempdir()) / f"llamadesk-dev-{os.getpid()}.log"
            self._file = self.path.open("w", encoding="utf-8", errors="replace")

    def close(self) -> None:
        """Nothing more will be written."""
        self._file.close()

    def write(self, text: str) -> None:
        """Add text; a full disk must not hide the reason that the person is about to be told."""
        try:
            self._file.write(text)
            self._file.flush()
        except OSError:
            pass

    def run(
        self,
        command: Sequence[str | Path],
        doing: str,
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> str:
        """Run a program, its output in the log, and return the output.

        Args:
            command: the program and its arguments; it gets no standard input.
            doing: what to tell the person when it takes more than a moment, such as "Installing Python packages".
            env: added to the environment.
            cwd: where to run it.

        Raises:
            StepFailedError: it could not be started or ended with an error.
        """
        words = [str(word) for word in command]
        self.write(f"\n$ {' '.join(words)}\n")
        sign = _SignOfLife(doing)
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
            try:
                process = subprocess.Popen(
                    words,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **(env or {})},
                    cwd=cwd,
                )
            except OSError as error:
                self.write(f"{error}\n")
                raise StepFailedError(words, 127, str(error)) from error
            try:
                while not _ended(process, 0.5):
                    sign.show()
            finally:
                if process.poll() is None:
                    process.terminate()
                    process.wait()
                sign.end()
            output.seek(0)
            text = output.read()
        self.write(text)
        if process.returncode:
            raise StepFailedError(words, process.returncode, text)
        return text


def _ended(process: subprocess.Popen[bytes], seconds: float) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


class _SignOfLife:
    """Says every so often for how long a step has been at work."""

    def __init__(self, doing: str) -> None:
        self._doing = doing
        self._start = time.monotonic()
        self._said = 0.0
        self._width = 0

    def show(self) -> None:
        elapsed = time.monotonic() - self._start
        if elapsed < QUIET_SECONDS:
            return
        text = f"{self._doing}: {int(elapsed) // 60}:{int(elapsed) % 60:02d}"
        if sys.stdout.isatty():
            self._width = len(text)
            print(f"\r{text}", end="", flush=True)
        elif self._said == 0.0 or elapsed - self._said >= LINE_EVERY_SECONDS:
            self._said = elapsed
            say(text)

    def end(self) -> None:
        if self._width:
            print("\r" + " " * self._width + "\r", end="", flush=True)
