from __future__ import annotations

from pathlib import Path

import pytest

from llamadesk.arguments import parse
from llamadesk.core.paths import DATA_DIR_VARIABLE
from llamadesk.core.start import SAFE_MODE_VARIABLE, StartMode


def test_nothing_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (DATA_DIR_VARIABLE, SAFE_MODE_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    options = parse([])
    assert options.model is None
    assert options.mode == StartMode()
    assert not options.doctor
    assert options.folders.root.name == "LlamaDesk"


def test_a_file_by_its_name_alone_or_by_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse(["a.gguf"]).model == tmp_path / "a.gguf"
    assert parse(["--model", "b.bin"]).model == tmp_path / "b.bin"


def test_doctor_takes_a_data_folder(tmp_path: Path) -> None:
    options = parse(["doctor", "--data-dir", str(tmp_path)])
    assert options.doctor
    assert options.model is None
    assert options.folders.root == tmp_path


def test_the_data_folder_comes_from_the_option_then_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DATA_DIR_VARIABLE, str(tmp_path / "environment"))
    assert parse([]).folders.root == tmp_path / "environment"
    assert parse(["--data-dir", str(tmp_path / "option")]).folders.root == tmp_path / "option"


def test_an_unknown_option_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        parse(["--telemetry"])
    assert error.value.code == 2
    assert "--telemetry" in capsys.readouterr().err


def test_modes_of_a_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SAFE_MODE_VARIABLE, raising=False)
    assert parse(["--safe-mode"]).mode == StartMode(safe=True)
    assert parse(["--offline", "a.gguf"]).mode == StartMode(offline=True)
    monkeypatch.setenv(SAFE_MODE_VARIABLE, "1")  # the engine inherits it, so the window says it
    assert parse([]).mode.safe
    assert parse(["doctor"]).mode.safe
