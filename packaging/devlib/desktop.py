"""A screen and a session bus of its own for a window under test: the person's desktop is not touched. Linux only."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

WITH_PARENT = ("setpriv", "--pdeathsig", "TERM", "--")
"""Before a command: it ends when the process that started it is gone, however that ended. A part of util-linux."""
SCREEN = "1600x1000x24"
END_SECONDS = 5.0
"""How long a server that was told to end may take until it is killed."""


@contextmanager
def _server(command: Sequence[str], ready_fd: int, ready_pipe: int, env: dict[str, str]) -> Iterator[str]:
    """Run a server that writes its address as a line to `ready_fd`; it and all that it started end with this."""
    process = subprocess.Popen(
        [*WITH_PARENT, *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[ready_fd],
        env=env,
        start_new_session=True,
    )
    os.close(ready_fd)
    try:
        with os.fdopen(ready_pipe) as pipe:
            address = pipe.readline().strip()
        if not address:
            raise RuntimeError(f"{command[0]} did not start")
        yield address
    finally:
        _end_group(process)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
            process.wait(END_SECONDS)
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue
    process.wait()


@contextmanager
def desktop() -> Iterator[dict[str, str]]:
    """Xvfb and a session bus with accessibility, for as long as the context lasts.

    Yields:
        What to add to the environment of a program that is to show its window there and be read from outside.

    Raises:
        OSError: Xvfb or dbus-daemon is not installed; RuntimeError: it did not start.
    """
    with ExitStack() as stack:
        runtime = stack.enter_context(tempfile.TemporaryDirectory(prefix="llamadesk-desktop-"))
        Path(runtime).chmod(0o700)
        env = {
            "XDG_RUNTIME_DIR": runtime,
            "QT_QPA_PLATFORM": "xcb",
            "QT_LINUX_ACCESSIBILITY_ALWAYS_ON": "1",
        }
        base = {
            k: v for k, v in os.environ.items() if k not in ("WAYLAND_DISPLAY", "NO_AT_BRIDGE", "AT_SPI_BUS_ADDRESS")
        }
        reader, writer = os.pipe()
        xvfb = ["Xvfb", "-displayfd", str(writer), "-screen", "0", SCREEN, "-nolisten", "tcp", "-noreset"]
        env["DISPLAY"] = ":" + stack.enter_context(_server(xvfb, writer, reader, base))
        reader, writer = os.pipe()
        bus = ["dbus-daemon", "--session", "--nofork", f"--print-address={writer}"]
        address = stack.enter_context(_server(bus, writer, reader, {**base, **env}))
        env["DBUS_SESSION_BUS_ADDRESS"] = address
        yield env
