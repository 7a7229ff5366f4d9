"""A person's first minutes with the installed app: open it, ask the starter model, read the answer, close the window.

The window is worked from outside the room, with keys as a keyboard makes them; the answer is read where the app
keeps it.
"""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from devlib import system

from llamadesk.core.settings import TEMPERATURE
from tryout.fresh import FreshRoom
from tryout.steps import FailedError
from tryout.trial import STARTER_ANSWER, STARTER_QUESTION

TOOLS = (
    *system.DISPLAY,
    system.Program("xdotool", "xdotool"),
    system.Program("import", "imagemagick"),
    system.Program("strace", "strace"),
)
X_SOCKETS = Path("/tmp/.X11-unix")
WINDOW_TITLE = "LlamaDesk"
FIRST_FRAME = "the first frame is on the screen"
"""What `llamadesk/app.py` logs when the window can be seen."""
STEP_SECONDS = 60.0
"""How long anything may take on a busy machine."""
END_SECONDS = 5.0
"""How long after the app has ended a process that it started may still be there."""
_SOON = 0.1
_SENT_SECONDS = 0.5
"""Until a message that was sent is kept."""
_KEYS_MS = 20
_UNDER_WAY = "streaming"
LEFT = "left behind:"

WATCH = f"""
"$@"
status=$?
tries={int(END_SECONDS * 5)}
while :; do
    left=
    for folder in /proc/[0-9]*; do
        case ${{folder#/proc/}} in
        1 | $$) ;;
        *) {{ read -r name < "$folder/comm" && left="$left $name"; }} 2>/dev/null ;;
        esac
    done
    [ -z "$left" ] && exit $status
    tries=$((tries - 1))
    [ $tries -gt 0 ] || break
    sleep 0.2
done
echo "{LEFT}$left"
exit $status
"""
"""A shell that starts the app and says which of the room's processes are still there after it."""


class Message(NamedTuple):
    """One message of a chat, as the database has it."""

    role: str
    status: str
    content: str


@dataclass(frozen=True)
class Data:
    """Where the app keeps a person's data, as seen from outside the room."""

    root: Path
    logs: Path

    @classmethod
    def of_home(cls, home: Path) -> Data:
        """Where it does by itself on Linux."""
        return cls(home / ".local/share/LlamaDesk", home / ".local/state/LlamaDesk/log")

    @property
    def database(self) -> Path:
        """Chats and settings."""
        return self.root / "llamadesk.db"

    @property
    def log(self) -> Path:
        """What the app says of itself."""
        return self.logs / "llamadesk.log"


def messages(database: Path) -> list[Message]:
    """All that has been committed, read from a copy: the app has the database for itself. Empty while there is none."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / database.name
        with suppress(FileNotFoundError, sqlite3.Error):
            # Between the two copies the app may have moved pages from one to the other: such a copy is unsound, and the
            # next look finds another.
            shutil.copyfile(database, copy)
            wal = database.with_name(f"{database.name}-wal")
            if wal.exists():
                shutil.copyfile(wal, copy.with_name(wal.name))
            with closing(sqlite3.connect(copy)) as connection:
                return [
                    Message(*row)
                    for row in connection.execute("SELECT role, status, content FROM message ORDER BY id").fetchall()
                ]
    return []


def use_likeliest_words(data: Data) -> None:
    """Set the temperature to 0, as a person can in the settings: the same question then has the same answer each time.

    Raises:
        FailedError: the app, which must not be running, has made no database.
    """
    try:
        with closing(sqlite3.connect(f"file:{quote(str(data.database))}?mode=rw", uri=True)) as connection, connection:
            connection.execute("INSERT OR REPLACE INTO setting (key, value) VALUES (?, ?)", (TEMPERATURE, "0.0"))
    except sqlite3.Error as error:
        raise FailedError(f"the settings cannot be changed: {error}") from error


def complaints(data: Data) -> tuple[list[str], list[str]]:
    """What the app's logs say went wrong: errors and crashes, and warnings; of each its first and its last line."""
    errors = _text(data.logs / "crash.log").splitlines()[:3]
    warnings: list[str] = []
    # A record goes on until the next line with a time.
    for record in re.split(r"^(?=\d{4}-\d\d-\d\d )", _text(data.log), flags=re.MULTILINE):
        lines = record.rstrip().splitlines()
        if level := re.match(r"\S+ \S+ (CRITICAL|ERROR|WARNING)\b", record):
            told = " ... ".join(dict.fromkeys((lines[0], lines[-1])))
            (warnings if level[1] == "WARNING" else errors).append(told)
    return errors, warnings


class App:
    """LlamaDesk, running in a room as the person, on a screen.

    Args:
        process: what `FreshRoom.command` makes of a command of `watched`.
        output: takes what it writes.
    """

    def __init__(self, process: subprocess.Popen[bytes], output: Path, data: Data, screen: str) -> None:
        self._process = process
        self._output = output
        self._data = data
        self._screen = screen
        self._started = time.monotonic()
        self._frames_before = _text(data.log).count(FIRST_FRAME)
        self._window = ""

    def wait_for_window(self) -> str:
        """Wait until the window can be seen, and give it the keyboard.

        Raises:
            FailedError: it did not come, or the app ended.
        """
        self._until("no window", lambda: _text(self._data.log).count(FIRST_FRAME) > self._frames_before)
        seconds = time.monotonic() - self._started
        self._until("no window on the screen", self._find_window)
        # There is no window manager that would do it.
        self._xdotool("windowfocus", "--sync", self._window)
        return f"a window in {seconds:.1f} s"

    def ask(self) -> str:
        """Type the question as soon as the window is there, send it, and wait for the whole reply.

        A message that is sent before a model is chosen comes back to the box: then it is sent again, as a person would.

        Raises:
            FailedError: none came, or it does not have the answer in it.
        """
        typed = time.monotonic()
        self._xdotool("type", "--delay", str(_KEYS_MS), STARTER_QUESTION)
        self._until("the question is not kept", self._send)
        self._until("no reply", lambda: bool(self._replies(of="assistant")))
        seconds = time.monotonic() - typed
        reply = self._replies(of="assistant")[0]
        if STARTER_ANSWER not in reply:
            raise FailedError(f"the reply is {reply!r}")
        return f"{reply.strip()!r} {seconds:.1f} s after the first key"

    def take_picture(self, file: Path) -> None:
        """Keep what the screen shows."""
        file.parent.mkdir(parents=True, exist_ok=True)
        self._at_screen("import", "-window", "root", str(file))

    def close(self) -> str:
        """Close the window with Ctrl+Q.

        Raises:
            FailedError: the app did not end, ended with an error, or left a process behind.
        """
        asked = time.monotonic()
        self._xdotool("key", "ctrl+q")
        try:
            status = self._process.wait(STEP_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise FailedError(f"still open after {STEP_SECONDS:.0f} s{self._said()}") from error
        seconds = time.monotonic() - asked
        if status != 0 or LEFT in _text(self._output):
            raise FailedError(f"ended with {status}{self._said()}")
        return f"exit status 0 in {seconds:.1f} s, no process left"

    def logs(self) -> str:
        """Look at what the app logged.

        Raises:
            FailedError: an error or a crash is in it.
        """
        errors, warnings = complaints(self._data)
        if errors:
            raise FailedError(" | ".join(errors)[:1000])
        return f"no error, {len(warnings)} warnings" + "".join(f" | {line}" for line in warnings)

    def _send(self) -> bool:
        self._xdotool("key", "Return")
        time.sleep(_SENT_SECONDS)
        return self._replies(of="user") == [STARTER_QUESTION]

    def _replies(self, *, of: str) -> list[str]:
        return [m.content for m in messages(self._data.database) if m.role == of and m.status != _UNDER_WAY]

    def _find_window(self) -> bool:
        found = self._at_screen("xdotool", "search", "--onlyvisible", "--name", WINDOW_TITLE)
        self._window = found.split()[0] if found.split() else ""
        return bool(self._window)

    def _xdotool(self, *words: str) -> None:
        self._at_screen("xdotool", *words)

    def _at_screen(self, *words: str) -> str:
        """Run a program of this system on the screen; whether it ended well says nothing."""
        done = subprocess.run(
            words, env={"DISPLAY": self._screen, "PATH": "/usr/bin:/bin"}, capture_output=True, timeout=30, check=False
        )
        return done.stdout.decode("utf-8", "replace")

    def _until(self, otherwise: str, seen: Callable[[], bool]) -> None:
        deadline = time.monotonic() + STEP_SECONDS
        while not seen():
            if self._process.poll() is not None:
                raise FailedError(f"{otherwise}: the app ended with {self._process.returncode}{self._said()}")
            if time.monotonic() > deadline:
                raise FailedError(f"{otherwise} after {STEP_SECONDS:.0f} s{self._said()}")
            time.sleep(_SOON)

    def _said(self) -> str:
        said = (_text(self._output) + _text(self._data.log)).strip()
        return f"; it says: {said[-800:]}" if said else ""


@contextmanager
def running(
    room: FreshRoom,
    program: Sequence[str],
    *,
    user: int,
    env: Mapping[str, str],
    screen: str,
    data: Data,
    network: bool = True,
    watched_by: Sequence[str] = (),
) -> Iterator[App]:
    """Start the app in `room`; what is left of it is killed at the end.

    Args:
        program: the app and its arguments, with paths as the room has them.
        user: number of the user it runs as.
        env: of the person, without DISPLAY.
        screen: an X display of this system, such as ":7".
        data: where the app will keep the person's data.
        network: as in `FreshRoom.command`.
        watched_by: as in `FreshRoom.command`.
    """
    room.binds[X_SOCKETS] = X_SOCKETS
    output = room.home.parent / "output.txt"
    watched = ["sh", "-c", WATCH, "sh", *program]
    command = room.command(watched, user=user, env={**env, "DISPLAY": screen}, network=network, watched_by=watched_by)
    room.log.write(f"\n$ [in the room] {shlex.join(program)}\n")
    with output.open("wb") as file:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True)
    try:
        yield App(process, output, data, screen)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait()
        room.log.write(_text(output))
        room.log.write(_text(data.log))


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
