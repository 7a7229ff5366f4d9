"""packaging/release: what the workflow runs. `try_app` is tried for real, on the app as it runs from the sources."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import pytest
from release import collect, release_file, try_app

from llamadesk.core.paths import starter_model

FROM_SOURCE = [sys.executable, "-P", "-m", "llamadesk"]


@pytest.fixture
def model() -> Path:
    found = starter_model()
    if found is None:
        pytest.skip("the starter model is not installed")
    return found


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """A build folder as `dev.py bundle` leaves it."""
    build = tmp_path / "build"
    (build / "dist").mkdir(parents=True)
    (build / "bundle" / "LlamaDesk").mkdir(parents=True)
    (build / "dist" / "llamadesk.deb").write_bytes(b"package")
    digest = hashlib.sha256(b"package").hexdigest()
    (build / "dist" / "SHA256SUMS").write_text(f"{digest}  llamadesk.deb\n", encoding="utf-8")
    (build / "bundle" / "LlamaDesk" / "sbom.cdx.json").write_text("{}", encoding="utf-8")
    return build


def test_the_starter_model_answers(model: Path) -> None:
    assert try_app.EXPECTED in try_app.ask([*FROM_SOURCE, "--engine"], model, try_app.QUESTION)


def test_a_model_that_cannot_be_loaded_is_told(tmp_path: Path) -> None:
    (tmp_path / "broken.gguf").write_bytes(b"GGUF, but nothing else")
    with pytest.raises(try_app.FailedError, match="Load failed"):
        try_app.ask([*FROM_SOURCE, "--engine"], tmp_path / "broken.gguf", "Hello?")


def test_an_engine_that_ends_is_told_with_its_last_words(tmp_path: Path) -> None:
    engine = [sys.executable, "-c", "import sys; sys.exit('illegal instruction')"]
    with pytest.raises(try_app.FailedError, match="ended with 1 and wrote:\nillegal instruction"):
        try_app.ask(engine, tmp_path / "a.gguf", "Hello?")


def test_the_report_finds_nothing_broken(tmp_path: Path) -> None:
    assert '"broken"' in try_app.report(FROM_SOURCE, tmp_path)


def test_the_window_opens_hears_and_closes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(variable, raising=False)
    try_app.open_and_close(FROM_SOURCE, tmp_path / "data")
    assert (tmp_path / "data" / "llamadesk.db").is_file()


def test_a_window_that_does_not_open_is_told(tmp_path: Path) -> None:
    with pytest.raises(try_app.FailedError, match="no window for you"):
        try_app.open_and_close([sys.executable, "-c", "raise SystemExit('no window for you')"], tmp_path)


def test_a_folder_without_an_app_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert try_app.main([str(tmp_path)]) == 1
    assert "no app is in" in capsys.readouterr().err


def test_the_release_file_names_the_version_and_its_page(tmp_path: Path) -> None:
    assert release_file.main([f"v{release_file.VERSION}", str(tmp_path), "--unsigned", "windows"]) == 0
    told = json.loads((tmp_path / "release.json").read_text(encoding="utf-8"))
    assert told["version"] == release_file.VERSION
    assert told["page"] == f"{release_file.HOMEPAGE}/releases/tag/v{release_file.VERSION}"
    assert set(told) == {"version", "page", "notes"}
    notes = (tmp_path / "notes.md").read_text(encoding="utf-8")
    assert "SmartScreen" in notes
    assert "Open Anyway" not in notes


@pytest.mark.parametrize("version", ["v99.0.0", "main", "0.1", "v0.1.0; rm"])
def test_a_tag_that_is_not_this_version_is_refused(tmp_path: Path, version: str) -> None:
    with pytest.raises(SystemExit):
        release_file.main([version, str(tmp_path)])
    assert not list(tmp_path.iterdir())


def test_packages_and_components_are_collected(build: Path, tmp_path: Path) -> None:
    assert collect.main(["linux-x86_64", str(build), str(tmp_path / "out")]) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "LlamaDesk-linux-x86_64.sbom.cdx.json",
        "llamadesk.deb",
    ]


def test_a_damaged_package_is_not_published(build: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (build / "dist" / "llamadesk.deb").write_bytes(b"another")
    assert collect.main(["linux-x86_64", str(build), str(tmp_path / "out")]) == 1
    assert "llamadesk.deb is not what SHA256SUMS says" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
