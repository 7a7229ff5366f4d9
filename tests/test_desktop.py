"""The screen and session bus for windows under test end with all that they started."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from devlib.desktop import desktop

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="X11 and AT-SPI are Linux's")

ASK_FOR_ACCESSIBILITY = [
    "dbus-send",
    "--session",
    "--print-reply",
    "--dest=org.a11y.Bus",
    "/org/a11y/bus",
    "org.a11y.Bus.GetAddress",
]


def _started_for(runtime_dir: str) -> list[psutil.Process]:
    """Processes that were started for this desktop, the accessibility bus's included."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get("XDG_RUNTIME_DIR") == runtime_dir:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def test_a_desktop_leaves_nothing_behind() -> None:
    with desktop() as env:
        done = subprocess.run(ASK_FOR_ACCESSIBILITY, env={**os.environ, **env}, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        started = _started_for(env["XDG_RUNTIME_DIR"])
        assert started, "the accessibility service runs"
    _, alive = psutil.wait_procs(started, timeout=5)
    assert not alive


def test_a_desktop_ends_with_who_made_it_even_by_sigkill() -> None:
    script = "import sys, time\nfrom devlib.desktop import desktop\nwith desktop() as env:\n"
    script += "    print(env['DISPLAY'], flush=True)\n    time.sleep(60)"
    packaging = str(Path(__file__).resolve().parents[1] / "packaging")
    maker = subprocess.Popen(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": packaging},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert maker.stdout is not None
    display = maker.stdout.readline().strip()
    servers = psutil.Process(maker.pid).children(recursive=True)
    assert display and len(servers) >= 2
    maker.kill()
    maker.communicate()
    _, alive = psutil.wait_procs(servers, timeout=5)
    assert not alive


def test_two_desktops_do_not_meet() -> None:
    with desktop() as one, desktop() as other:
        assert one["DISPLAY"] != other["DISPLAY"]
        assert one["DBUS_SESSION_BUS_ADDRESS"] != other["DBUS_SESSION_BUS_ADDRESS"]
