"""packaging/dev.py: what it says when something is wrong, and what it re-uses."""

from __future__ import annotations

import ast
import errno
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from devlib import cli, wheel
from devlib.console import Log, StepFailedError, reason_in
from devlib.environment import Environment, Purpose, Wanted

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        (
            "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(...)': /simple/ruff/\n"
            "ERROR: Could not find a version that satisfies the requirement ruff==9\n"
            "ERROR: No matching distribution found for ruff==9",
            "there is no network connection to the package servers",
        ),
        ("Err:1 bookworm InRelease\n  Temporary failure resolving 'deb'\nE: Failed to fetch", "there is no network"),
        ("CMake Error: No CMAKE_CXX_COMPILER could be found.", "there is no working C++ compiler"),
        ("PermissionError: [Errno 13] Permission denied: '/x'", "may not be written"),
        ("E: Could not get lock /var/lib/dpkg/lock-frontend.", "another program is installing packages"),
        ("ERROR: No matching distribution found for ruff==9", "not to be found"),
        ("Segmentation fault", None),
    ],
)
def test_reason_in_the_output_of_pip_apt_and_cmake(output: str, reason: str | None) -> None:
    found = reason_in(output)
    assert found == reason if reason is None else found is not None and reason in found


def test_a_program_that_fails_is_logged_with_its_output(tmp_path: Path) -> None:
    log = Log(tmp_path / "build")
    assert log.run([sys.executable, "-c", "print('fine')"], "Trying") == "fine\n"
    with pytest.raises(StepFailedError) as failed:
        log.run([sys.executable, "-c", "import sys; print('why'); sys.exit(3)"], "Trying")
    assert failed.value.output == "why\n"
    with pytest.raises(StepFailedError):
        log.run([tmp_path / "no-such-program"], "Trying")
    log.close()
    assert "why" in log.path.read_text()


def test_a_long_program_gives_a_sign_of_life(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = Log(tmp_path)
    log.run([sys.executable, "-c", "import time; time.sleep(3)"], "Sleeping")
    log.close()
    assert capsys.readouterr().out.startswith("Sleeping: 0:0")


def test_the_log_goes_elsewhere_where_its_folder_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    log = Log(tmp_path / "file" / "build")
    log.write("text")
    log.close()
    assert log.path.read_text() == "text"
    log.path.unlink()


def test_a_compiled_wheel_is_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheel, "cache_dir", lambda: tmp_path)
    folder = wheel.wheel_folder("llama-cpp-python==0.3.36")
    assert wheel.processor_key() in folder.name and "0.3.36" in folder.name
    folder.mkdir(parents=True)
    kept = folder / "llama_cpp_python-0.3.36-py3-none-any.whl"
    kept.touch()
    log = Log(tmp_path)
    assert wheel.compiled_wheel("llama-cpp-python==0.3.36", Path("no-python-is-run"), log) == kept
    log.close()


def test_the_key_changes_with_the_processor_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    key = wheel.processor_key()
    assert wheel.processor_key() == key
    monkeypatch.setattr(wheel, "_processor", lambda: "another")
    assert wheel.processor_key() != key


def test_what_an_environment_must_hold() -> None:
    for_running = Wanted.of(ROOT, Purpose.RUNNING)
    for_development = Wanted.of(ROOT, Purpose.DEVELOPMENT)
    assert set(for_running.requirements) < set(for_development.requirements)
    assert "llama-cpp-python==0.3.36" in for_running.requirements
    stamp: dict[str, object] = {
        "python": list(sys.version_info[:2]),
        "processor": wheel.processor_key(),
        "requirements": list(for_development.requirements),
    }
    assert for_running.satisfied_by(stamp) and for_development.satisfied_by(stamp)
    assert not for_development.satisfied_by({**stamp, "requirements": list(for_running.requirements)})
    assert not for_running.satisfied_by({**stamp, "python": [3, 10]})
    assert not for_running.satisfied_by({**stamp, "processor": "another"})
    assert not for_running.satisfied_by({})


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "The disk is full"), (errno.EACCES, "may not be written"), (errno.EROFS, "may not be written")],
)
def test_a_refusal_of_the_system_in_words(number: int, words: str) -> None:
    assert words in cli.in_words(OSError(number, os.strerror(number), "some/file"))


def test_arguments_after_two_dashes_are_passed_on() -> None:
    chosen, passed_on = cli.parse(["test", "--", "-k", "name", "--", "-x"])
    assert (chosen.command, passed_on) == ("test", ["-k", "name", "--", "-x"])
    chosen, _ = cli.parse(["bench", "--json", "rows.json", "start", "stop"])
    assert (chosen.json, chosen.names) == (Path("rows.json"), ["start", "stop"])


def test_an_old_python_can_read_the_entry() -> None:
    ast.parse((ROOT / "packaging" / "dev.py").read_text(), feature_version=(3, 6))


def _dev(root: Path, *arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(root / "packaging" / "dev.py"), *arguments]
    return subprocess.run(
        command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems always have a screen")
def test_run_without_a_screen_says_so() -> None:
    env = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    done = _dev(ROOT, "run", env=env)
    assert done.returncode == 1
    assert done.stdout.count("\n") == 1 and "no screen" in done.stdout, done.stdout + done.stderr


def _empty_wheel(path: Path) -> None:
    info = "llama_cpp_python-0.3.36.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: llama-cpp-python\nVersion: 0.3.36\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")


def test_without_a_network_one_sentence_says_so(tmp_path: Path) -> None:
    root = tmp_path / "checkout"
    (root / "packaging" / "devlib").mkdir(parents=True)
    for source in ("pyproject.toml", "packaging/dev.py", *(f"packaging/devlib/{f.name}" for f in _sources())):
        (root / source).write_bytes((ROOT / source).read_bytes())
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "UV_"))}
    # Nothing listens there, and no file of settings may name another place. pip tells of a connection when it retries.
    env |= {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_RETRIES": "1"}
    env |= {"XDG_CACHE_HOME": str(tmp_path / "cache"), "LOCALAPPDATA": str(tmp_path / "cache")}
    made = subprocess.check_output(
        [sys.executable, "-c", "from devlib import wheel; print(wheel.wheel_folder('llama-cpp-python==0.3.36'))"],
        env={**env, "PYTHONPATH": str(ROOT / "packaging")},
        text=True,
    )
    folder = Path(made.strip())
    assert folder.is_relative_to(tmp_path)
    folder.mkdir(parents=True)
    _empty_wheel(folder / "llama_cpp_python-0.3.36-py3-none-any.whl")

    done = _dev(root, "lint", env=env)
    assert done.returncode == 1
    last = done.stdout.splitlines()[-1]
    log = root / "build" / "dev.log"
    assert last == (
        "The Python environment could not be made: there is no network connection to the package servers; "
        f"the details are in {log}."
    )
    assert "127.0.0.1" in log.read_text()
    assert Environment(root).python.exists()  # what was made is used the next time


def _sources() -> list[Path]:
    return sorted((ROOT / "packaging" / "devlib").glob("*.py"))
