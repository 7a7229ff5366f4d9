"""The measurement of a look into a model: that it measures one."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import gguf_files as files
import pytest
from gguf_files import Shape

from tests.benchmarks.bench_library import read_once

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")


def test_it_reads_the_facts(tmp_path: Path) -> None:
    answer = read_once(Shape().write(tmp_path / "m.gguf"))
    assert answer["n_vocab"] == 261
    assert answer["seconds"] > 0
    assert 0 <= answer["bytes"] < 20_000_000


def test_it_sees_what_is_held(tmp_path: Path) -> None:
    many = {f"a.{index}": "😀" * 1024 for index in range(2000)}  # kept in full: 8 MB
    answer = read_once(files.write(tmp_path / "m.gguf", Shape().values | many, Shape().tensors))
    assert answer["bytes"] > 6_000_000


def test_a_failure_is_told(tmp_path: Path) -> None:
    path = Shape().write(tmp_path / "m.gguf")
    os.truncate(path, 100)
    with pytest.raises(RuntimeError, match="model_damaged"):
        read_once(path)
