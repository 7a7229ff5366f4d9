"""The tryout's pure parts, and its way of speaking with an engine; the rows themselves need a bundle."""

from __future__ import annotations

import os
import sys
from datetime import datetime
from pathlib import Path

import pytest
from tryout.engine_link import ask_shortly, bundled_model, engine, load
from tryout.processors import NEEDS, cpu_flags, right_variants
from tryout.reproducible import EXPLAINED, compared
from tryout.speed import reading_speed, writing_speed
from tryout.start import first_frame
from tryout.steps import FailedError
from tryout.vulkan import offloaded_layers

from llamadesk.core.chat import ReplyStats

HASWELL = "sse4_2 popcnt avx f16c fma avx2 bmi1 bmi2"
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="signals and links are POSIX's")


# --- An engine --------------------------------------------------------------------------------------------------------


def program(source: str) -> tuple[str, ...]:
    """Something else in the place of an engine."""
    return (sys.executable, "-c", source)


def test_a_real_engine_loads_the_starter_model_and_answers(starter_model: Path) -> None:
    with engine((sys.executable, "-P", "-m", "llamadesk")) as driver:
        load(driver, starter_model, n_ctx=256)
        assert "Paris" in ask_shortly(driver)


def test_a_model_that_is_none_is_a_sentence(tmp_path: Path) -> None:
    none = tmp_path / "none.gguf"
    none.write_bytes(b"no model")
    with (
        pytest.raises(FailedError, match="was not loaded"),
        engine((sys.executable, "-P", "-m", "llamadesk")) as driver,
    ):
        load(driver, none)


@POSIX
def test_an_engine_that_dies_is_told_by_its_signal_and_its_last_words() -> None:
    dies = "import os, signal, sys; print('no such instruction', file=sys.stderr, flush=True); "
    dies += "signal.signal(signal.SIGILL, signal.SIG_DFL); os.kill(os.getpid(), signal.SIGILL)"
    with pytest.raises(FailedError, match=r"SIGILL: no such instruction"), engine(program(dies)):
        pass


def test_an_engine_that_is_silent_is_not_waited_for_and_not_left_behind(tmp_path: Path) -> None:
    written = tmp_path / "pid"
    silent = f"import os, pathlib, time; pathlib.Path({str(written)!r}).write_text(str(os.getpid())); time.sleep(100)"
    with pytest.raises(FailedError, match="no answer within 3 seconds"), engine(program(silent), patience=3):
        pass
    if sys.platform != "win32":
        with pytest.raises(ProcessLookupError):
            os.kill(int(written.read_text()), 0)


def test_an_engine_that_ends_badly_after_its_work_is_a_failure() -> None:
    ends = "import os; from llamadesk.core.protocol import Hello, encode; "
    ends += "os.write(1, encode(Hello(1, os.getpid(), '', [], []))); os.read(0, 1); raise SystemExit(7)"
    with pytest.raises(FailedError, match="ended with 7"), engine(program(ends)):
        pass


def test_a_program_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(FailedError, match="no such engine"), engine((str(tmp_path / "no such engine"),)):
        pass


def test_a_bundle_carries_one_model(tmp_path: Path) -> None:
    models = tmp_path / "_internal" / "resources" / "models"
    models.mkdir(parents=True)
    with pytest.raises(FailedError, match="carries 0 models"):
        bundled_model(tmp_path)
    (models / "a.gguf").touch()
    assert bundled_model(tmp_path) == models / "a.gguf"
    (models / "b.gguf").touch()
    with pytest.raises(FailedError, match="carries 2 models"):
        bundled_model(tmp_path)


# --- Processors -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "right"),
    [
        ("fpu sse sse2 ssse3", {"x64"}),
        ("ssse3 sse4_1 sse4_2 popcnt", {"sse42"}),
        ("sse4_2 avx", {"sandybridge"}),
        (HASWELL, {"haswell"}),
        (f"{HASWELL} avx_vnni", {"alderlake"}),
        (f"{HASWELL} avx512f avx512cd avx512bw avx512dq", {"haswell"}),  # not all of what skylakex needs
        (" ".join(NEEDS["zen4"]), {"zen4"}),
        (" ".join(NEEDS["zen4"] | {"avx_vnni"}), {"zen4", "alderlake"}),  # neither uses all that the other does
    ],
)
def test_the_right_variant_uses_most_of_what_there_is(flags: str, right: set[str]) -> None:
    assert right_variants(cpu_flags(f"model name\t: x\nflags\t\t: {flags}\nbugs\t\t: avx512f\n")) == right


# --- Figures ----------------------------------------------------------------------------------------------------------


def test_speeds_count_what_was_really_read_and_written() -> None:
    stats = ReplyStats(n_prompt=110, n_reused=10, n_generated=201, prefill_seconds=0.5, decode_seconds=2.0)
    assert reading_speed(stats) == 200
    assert writing_speed(stats) == 100  # the first token's time is the prompt's


def test_the_first_frame_is_found_in_the_apps_own_log() -> None:
    before = "2026-01-02 03:04:05.100 INFO    MainThread llamadesk.app: started\n"
    frame = "2026-01-02 03:04:05.678 INFO    MainThread llamadesk.app: the first frame is on the screen\n"
    assert first_frame(before) is None
    assert first_frame(before + frame + before) == datetime(2026, 1, 2, 3, 4, 5, 678000).timestamp()


def test_offloaded_layers_are_read_from_what_llama_cpp_says() -> None:
    said = "INFO llama.cpp: load_tensors: offloading output layer to GPU\nINFO llama.cpp: load_tensors: offloaded "
    assert offloaded_layers(f"{said}31/31 layers to GPU\n") == (31, 31)
    assert offloaded_layers(said) is None


# --- Two builds -------------------------------------------------------------------------------------------------------


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    """Two folders with the same in them."""
    for name in ("one", "other"):
        inner = tmp_path / name / "inner"
        inner.mkdir(parents=True)
        (inner / "file").write_bytes(b"same")
        (inner / "program").write_bytes(b"same")
        (inner / "program").chmod(0o755)
    return tmp_path / "one", tmp_path / "other"


def test_folders_with_the_same_in_them_hold(two: tuple[Path, Path]) -> None:
    row = compared("two builds", *two)
    assert row == ("two builds", True, "3 entries, 0 of which differ as explained")


def test_a_byte_a_file_and_an_empty_folder_are_differences(two: tuple[Path, Path]) -> None:
    _, other = two
    (other / "inner" / "file").write_bytes(b"Same")
    (other / "inner" / "more").touch()
    (other / "empty").mkdir()
    row = compared("two builds", *two)
    assert not row.ok
    assert row.what.endswith("differ: empty, inner/file, inner/more")


@POSIX
def test_a_mode_and_the_target_of_a_link_are_differences(two: tuple[Path, Path]) -> None:
    one, other = two
    (other / "inner" / "program").chmod(0o700)
    (one / "link").symlink_to("inner/file")
    (other / "link").symlink_to("inner/program")
    row = compared("two builds", *two)
    assert not row.ok
    assert row.what.endswith("differ: inner/program, link")


def test_what_is_explained_may_differ(two: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    (two[1] / "inner" / "file").write_bytes(b"Same")
    monkeypatch.setitem(EXPLAINED, "inner/f*", "a test")
    assert compared("two builds", *two).ok
    (two[1] / "inner" / "program").write_bytes(b"Same")
    assert not compared("two builds", *two).ok
