"""Damage by the hundred: whatever a header says, the answer is facts or a clear problem, soon and in little memory."""

from __future__ import annotations

import random
import struct
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import gguf_files as files
import pytest
from gguf_files import Array, Shape
from hostile_headers import HOSTILE

from llamadesk.core.errors import ProblemCode, ProblemError
from llamadesk.core.gguf import read_facts

SHAPE = Shape(n_layers=1)
WHOLE = files.header(SHAPE.values, SHAPE.tensors)
SEED = 20240601
EXPECTED = {ProblemCode.MODEL_DAMAGED, ProblemCode.MODEL_NOT_GGUF, ProblemCode.MODEL_UNSUPPORTED}
MOST_SECONDS = 5.0  # no measure of speed, only of "it ends": it takes less than 0.6 s
MOST_BYTES = 100_000_000


def outcome(path: Path) -> ProblemCode | None:
    """The problem's code, or None where facts could be read; anything else fails the test."""
    began = time.monotonic()
    try:
        read_facts(path)
    except ProblemError as error:
        assert error.problem.title
        assert error.problem.advice
        assert error.problem.code in EXPECTED
        return error.problem.code
    finally:
        assert time.monotonic() - began < MOST_SECONDS
    return None


def peak_bytes(path: Path) -> int:
    """The most memory that reading takes at a time."""
    tracemalloc.start()
    try:
        read_facts(path)
    except ProblemError:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return peak


def field_ends() -> Iterator[int]:
    """Where each field of the header WHOLE ends, in bytes from its start."""
    yield from (4, 8, 16, 24)
    at = 24
    for key, value in SHAPE.values.items():
        assert not isinstance(value, bytes)
        end = at + len(files.pair(key, value))
        yield from (at + 8, at + 8 + len(key), at + 12 + len(key))
        if isinstance(value, Array):
            yield from (at + 16 + len(key), at + 24 + len(key), (at + 24 + len(key) + end) // 2)
        at = end
        yield at
    offset = 0
    for name, shape, kind in SHAPE.tensors:
        end = at + len(files.tensor_info(name, shape, kind, offset))
        yield from (at + 8, at + 8 + len(name), at + 12 + len(name), end - 12, end - 8)
        at = end
        yield at


def test_cut_at_every_field(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    cuts = sorted(set(field_ends()))
    assert len(cuts) > 100
    assert cuts[-1] <= len(WHOLE)
    for cut in cuts:
        path.write_bytes(WHOLE[:cut])
        assert outcome(path) == ProblemCode.MODEL_DAMAGED, cut


def test_flipped_bits(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    weights = bytes(files.data_bytes(SHAPE.tensors))
    dice = random.Random(SEED)
    outcomes = []
    for _ in range(150):
        data = bytearray(WHOLE)
        for _ in range(dice.choice((1, 1, 2, 8, 64))):
            data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        path.write_bytes(bytes(data) + weights)
        outcomes.append(outcome(path))
        assert peak_bytes(path) < MOST_BYTES
    assert None in outcomes  # a letter of a token is no matter
    assert ProblemCode.MODEL_DAMAGED in outcomes


def test_huge_numbers_everywhere(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    weights = bytes(files.data_bytes(SHAPE.tensors))
    dice = random.Random(SEED)
    for end in sorted(set(field_ends())):
        huge = dice.choice((2**31, 2**32 - 1, 2**40, 2**63, 2**64 - 1, 10**9))
        data = WHOLE[:end] + struct.pack("<Q", huge) + WHOLE[end + 8 :]
        path.write_bytes(data + weights)
        outcome(path)
        assert peak_bytes(path) < MOST_BYTES


def test_noise_after_the_magic(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    dice = random.Random(SEED)
    for _ in range(30):
        path.write_bytes(b"GGUF" + struct.pack("<I", 3) + dice.randbytes(5000))
        assert outcome(path) is not None


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file_costs_little(tmp_path: Path, name: str) -> None:
    path = tmp_path / "m.gguf"
    HOSTILE[name](path)
    assert outcome(path) in (ProblemCode.MODEL_DAMAGED, ProblemCode.MODEL_UNSUPPORTED)
    assert peak_bytes(path) < MOST_BYTES
    path.unlink()  # a hole counts as its full size in some temporary folders
