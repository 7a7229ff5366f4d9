"""Which program the engine is, and what its environment tells it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from llamadesk.bridge.command import engine_command
from llamadesk.core.paths import data_folders
from llamadesk.core.protocol import ENGINE_FLAG
from llamadesk.core.start import ACCELERATORS_VARIABLE, SAFE_MODE_VARIABLE


def test_from_source_it_is_this_python() -> None:
    command = engine_command()
    assert command.argv[0] == sys.executable
    assert command.argv[-1] == ENGINE_FLAG
    assert SAFE_MODE_VARIABLE not in command.env


@pytest.mark.parametrize("suffix", ["", ".exe"])
def test_in_a_bundle_it_is_the_program_beside_the_app(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", str(tmp_path / f"llamadesk{suffix}"))
    assert engine_command().argv == [str(tmp_path / f"llamadesk-engine{suffix}"), ENGINE_FLAG]


def test_safe_mode_is_told_to_the_engine() -> None:
    assert engine_command(safe_mode=True).env[SAFE_MODE_VARIABLE] == "1"


def test_the_engine_is_told_where_a_person_may_add_gpu_modules(tmp_path: Path) -> None:
    folders = data_folders(tmp_path)
    assert engine_command(folders).env[ACCELERATORS_VARIABLE] == str(tmp_path / "accelerators")
    assert ACCELERATORS_VARIABLE not in engine_command().env
