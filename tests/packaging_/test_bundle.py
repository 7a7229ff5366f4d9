"""What bundles are made of, as far as it can be said without making one."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from devlib import bundle, portable, staging, system
from devlib.console import TroubleError
from devlib.environment import Purpose, Wanted

ROOT = Path(__file__).resolve().parents[2]


def test_a_bundle_is_made_without_the_engine_that_was_compiled_for_this_processor() -> None:
    running, bundling = (Wanted.of(ROOT, purpose).requirements for purpose in (Purpose.RUNNING, Purpose.BUNDLING))
    assert set(running) - set(bundling) == {Wanted.engine_of(running)}


def test_all_that_a_bundle_is_made_with_is_pinned() -> None:
    pinned = re.compile(r"==[\d.]+(; sys_platform [!=]= '\w+')?$")
    assert [each for each in Wanted.of(ROOT, Purpose.BUNDLING).requirements if not pinned.search(each)] == []


def test_nothing_in_the_portable_engine_depends_on_the_processor_that_compiles_it() -> None:
    definitions = portable._definitions(cuda=False)
    assert definitions["GGML_NATIVE"] == "OFF"
    assert definitions["GGML_CPU_ALL_VARIANTS"] == definitions["GGML_BACKEND_DL"] == "ON"
    assert "-march" not in str(definitions)
    assert "GGML_CUDA" not in definitions
    assert portable._definitions(cuda=True)["GGML_CUDA"] == "ON"


@pytest.mark.parametrize(
    ("name", "tried_first"),
    [
        ("libggml-vulkan.so", True),
        ("ggml-cuda.dll", True),
        ("libggml-metal.dylib", True),
        ("libggml-cpu-zen4.so", False),
        ("libggml-base.so", False),
        ("libggml.so", False),
        ("libllama.so", False),
    ],
)
def test_modules_for_graphics_cards_lie_apart(name: str, tried_first: bool) -> None:
    assert portable._is_accelerator(Path(name)) is tried_first


@pytest.mark.parametrize(
    "source",
    [
        "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm\n",
        "# a remark\ndeb http://mirror.example/debian bookworm main\n",
        "deb [signed-by=/a/key.gpg] http://mirror.example/debian/ bookworm main contrib\n",
    ],
)
def test_the_mirror_is_the_one_that_apt_reads(tmp_path: Path, source: str) -> None:
    lists = tmp_path / "sources.list.d"
    lists.mkdir()
    (lists / "a.sources").write_text("Types: deb\nURIs: http://mirror.example/debian-security\nSuites: x\n")
    with pytest.raises(TroubleError, match="archive"):
        system.debian_mirror(tmp_path)
    (lists / "b.list").write_text(source)
    assert system.debian_mirror(tmp_path) == "http://mirror.example/debian"


def test_the_commit_says_when_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    release = bundle.release_of(ROOT)
    assert re.fullmatch(r"\d+\.\d+\.\d+\w*", release.version)
    assert re.fullmatch(r"[0-9a-f]{40}(-changed)?", release.commit)
    assert release.epoch > 1_700_000_000
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1234")
    assert bundle.release_of(ROOT).epoch == 1234


def test_sources_that_are_no_repository_have_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    (tmp_path / "llamadesk").mkdir()
    (tmp_path / "llamadesk" / "__init__.py").write_text('__version__ = "1.2.3"\n')
    release = bundle.release_of(tmp_path)
    assert (release.version, release.commit, release.epoch) == ("1.2.3", "unknown", 0)


def test_an_app_for_macos_is_marked_where_it_looks_and_its_signature_allows(tmp_path: Path) -> None:
    staging.mark_installation(tmp_path, "macos", staging.Release("1.2.3", "abc", 5))
    beside_the_code = tmp_path / "Contents" / "Frameworks" / "installation.json"
    assert json.loads(beside_the_code.read_text()) == {"kind": "macos", "commit": "abc", "built": 5}
    assert beside_the_code.is_symlink()


def test_a_second_copy_of_a_library_stops_a_bundle(tmp_path: Path) -> None:
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "libggml-base.so").touch()
    with pytest.raises(TroubleError, match="libggml-base"):
        bundle._check(tmp_path)


@pytest.mark.parametrize("stray", ["_internal/numpy/core.so", "_internal/llama_cpp/lib/libmtmd.so", "libstdc++.so.6"])
def test_what_has_no_business_in_a_bundle_stops_it(tmp_path: Path, stray: str) -> None:
    bundle._check(tmp_path)
    (tmp_path / stray).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / stray).touch()
    with pytest.raises(TroubleError, match="no business"):
        bundle._check(tmp_path)
