"""Logging, in a process of its own: it changes what belongs to the whole process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from llamadesk import log

START = """
import logging, sys, threading
from pathlib import Path
from llamadesk import log
from llamadesk.core.paths import data_folders
log.setup_logging(data_folders(sys.argv[1]))
logger = logging.getLogger("llamadesk.test")
"""


def run(data_dir: Path, code: str) -> subprocess.CompletedProcess[str]:
    program = START + textwrap.dedent(code)
    return subprocess.run(
        [sys.executable, "-c", program, str(data_dir)], capture_output=True, text=True, timeout=60, check=False
    )


def logged(data_dir: Path) -> str:
    file = data_dir / "logs" / log.LOG_FILE  # made at the first line
    return file.read_text(encoding="utf-8") if file.exists() else ""


def test_lines_have_time_level_and_logger(tmp_path: Path) -> None:
    done = run(tmp_path, 'logger.info("started %s", "ä\\ud800"); logger.debug("detail")')
    assert done.returncode == 0
    assert done.stderr == ""
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} INFO    MainThread llamadesk\.test: started ä\\ud800\n",
        logged(tmp_path),
    )


def test_files_rotate(tmp_path: Path) -> None:
    done = run(tmp_path, 'for _ in range(11_000): logger.info("x" * 1000)')
    assert done.returncode == 0
    sizes = {path.name: path.stat().st_size for path in (tmp_path / "logs").glob("llamadesk.log*")}
    assert set(sizes) == {"llamadesk.log", "llamadesk.log.1", "llamadesk.log.2", "llamadesk.log.3"}
    assert all(size <= 2_000_000 for size in sizes.values())


def test_crash_in_native_code_is_written(tmp_path: Path) -> None:
    done = run(tmp_path, "import ctypes; ctypes.string_at(0)")
    assert done.returncode != 0
    assert "ctypes" in (tmp_path / "logs" / log.CRASH_FILE).read_text()


def test_long_crash_log_starts_anew(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / log.CRASH_FILE).write_text("x" * 1_000_001)
    run(tmp_path, "pass")
    assert (tmp_path / "logs" / log.CRASH_FILE).read_text() == ""


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file where the folder should be")
    done = run(tmp_path, 'logger.warning("still said"); print(log.report())')
    assert done.returncode == 0
    assert "still said" in done.stderr
    assert "still said" in done.stdout


def test_no_console_and_no_folder(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("")
    program = "import sys; sys.stderr = None\n" + START + 'logger.error("nobody hears"); print(len(log.report()) > 100)'
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, "True\n")


def test_uncaught_exceptions_are_logged_and_reported(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        """
        log.install_exception_hooks(lambda report: print(report, "=====", sep=""))
        def fail(): raise LookupError("in a thread")
        thread = threading.Thread(target=fail); thread.start(); thread.join()
        thread = threading.Thread(target=sys.exit); thread.start(); thread.join()
        class Bad:
            def __del__(self): raise ArithmeticError("in a destructor")
        Bad()
        raise ValueError("at the end")
        """,
    )
    in_thread, at_end, rest = done.stdout.split("=====")
    assert "LookupError: in a thread" in in_thread
    assert "ValueError: at the end" in at_end
    assert "LlamaDesk: " in at_end
    assert rest.strip() == ""
    text = logged(tmp_path)
    for said in ("LookupError: in a thread", "ArithmeticError: in a destructor", "ValueError: at the end"):
        assert said in text
    assert "Traceback" not in done.stderr


def test_report_that_cannot_be_shown_is_logged(tmp_path: Path) -> None:
    run(tmp_path, "log.install_exception_hooks(lambda report: 1 / 0); raise ValueError('first')")
    assert "ValueError: first" in logged(tmp_path)
    assert "ZeroDivisionError" in logged(tmp_path)


def test_interrupt_by_the_keyboard_is_no_bug(tmp_path: Path) -> None:
    done = run(tmp_path, "log.install_exception_hooks(print); raise KeyboardInterrupt")
    assert done.stdout == ""
    assert logged(tmp_path) == ""


def test_report_ends_with_the_last_200_lines_and_hides_the_home_folder(tmp_path: Path) -> None:
    done = run(
        tmp_path, 'for i in range(300): logger.info("line %d in %s/x", i, Path.home())\nprint(log.report(), end="")'
    )
    lines = done.stdout.splitlines()
    begin = lines.index("Last lines of the log:")
    assert len(lines) - begin - 1 == 200
    assert lines[-1].endswith("line 299 in ~/x")
    assert str(Path.home()) + os.sep not in done.stdout


@pytest.mark.allow_log("from Qt")
@pytest.mark.parametrize(
    ("severity", "level"), [("QtWarningMsg", "WARNING"), ("QtFatalMsg", "CRITICAL"), ("New", "WARNING")]
)
def test_messages_of_qt(severity: str, level: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        log.qt_message(severity, "from Qt: 100 %s")
    assert [(r.name, r.levelname, r.getMessage()) for r in caplog.records] == [("qt", level, "from Qt: 100 %s")]


def test_report_before_logging_is_set_up() -> None:
    assert "Python: " in log.report(ValueError("early"))


def test_needs_no_qt() -> None:
    program = "import sys, llamadesk.log; print([name for name in sys.modules if name.startswith('PySide6')])"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"
