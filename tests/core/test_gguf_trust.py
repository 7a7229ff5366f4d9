"""Files made to harm: refused in plain words and in little memory, by the reader of facts and by that of raw values."""

from __future__ import annotations

import io
import random
import re
import struct
import subprocess
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import gguf_files as files
import pytest
from gguf_files import Array, Shape
from hostile_headers import GIGABYTE, HOSTILE

from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.core.gguf import facts_of, read_facts
from llamadesk.core.gguf_header import Header, read_header, read_header_from
from llamadesk.core.gguf_raw import raw_values, raw_values_from

SHAPE = Shape(n_layers=1, n_vocab=100)
WHOLE = files.header(SHAPE.values, SHAPE.tensors)
WEIGHTS = bytes(files.data_bytes(SHAPE.tensors))
JARGON = re.compile(r"tensor|offset|0x|UTF|alignment|byte|header|token|\d{4}", re.IGNORECASE)
SEED = 5
N_MUTATED = 1500
HUGE = (0, 1, 2**31, 2**32 - 1, 10**9, 2**40, 2**63 - 1, 2**63, 2**64 - 8, 2**64 - 1)


def problem_of(read: Callable[[Path], object], path: Path) -> Problem:
    with pytest.raises(ProblemError) as caught:
        read(path)
    return caught.value.problem


# --- Refused, in plain words ------------------------------------------------------------------------------------------

MANY = struct.pack("<Q", 2**62)
WRONG_TYPES: dict[str, dict[str, files.Value | bytes]] = {
    "tokens that are numbers": {"tokenizer.ggml.tokens": Array(files.U32, [1, 2, 3])},
    "tokens that are one text": {"tokenizer.ggml.tokens": "abc"},
    "tokens that are one number": {"tokenizer.ggml.tokens": 7},
    "merges that are numbers": {"tokenizer.ggml.merges": Array(files.F32, [1.0])},
    "an alignment in 64 bits": {"general.alignment": struct.pack("<IQ", files.U64, 32)},
    "an alignment that is a truth": {"general.alignment": True},
    "an alignment that is a list": {"general.alignment": Array(files.U32, [32])},
    "layers that are a text": {"llama.block_count": "32"},
    "layers that are a list": {"llama.block_count": Array(files.U32, [32])},
    "an architecture that is a list": {"general.architecture": Array(files.STRING, ["llama"])},
    "heads that are fractions": {"llama.attention.head_count": Array(files.F32, [1.0])},
    "a list of lists": {"some.value": struct.pack("<IIQ", files.ARRAY, files.ARRAY, 1)},
    "a type that there is not": {"some.value": struct.pack("<I", 13)},
}
COUNTS: dict[str, bytes] = {
    "keys": b"GGUF" + struct.pack("<IQ", 3, 1) + MANY,
    "keys, a few too many": b"GGUF" + struct.pack("<IQQ", 3, 1, 2049) + bytes(100_000),
    "tensors": b"GGUF" + struct.pack("<I", 3) + MANY + struct.pack("<Q", 0),
    "numbers in a list": b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + files.text("a") + struct.pack("<II", 9, 10) + MANY,
    "texts in a list": b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + files.text("a") + struct.pack("<II", 9, 8) + MANY,
    "letters in a key": b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + MANY,
}


def assert_plainly_refused(problem: Problem, code: ProblemCode = ProblemCode.MODEL_DAMAGED) -> None:
    assert problem.code == code
    assert problem.title and problem.advice
    assert not JARGON.search(problem.text), problem.text


@pytest.mark.parametrize("name", WRONG_TYPES)
def test_wrong_type(tmp_path: Path, name: str) -> None:
    path = files.write(tmp_path / "m.gguf", SHAPE.values | WRONG_TYPES[name], SHAPE.tensors)
    assert_plainly_refused(problem_of(read_facts, path))


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("read", [read_facts, raw_values])
def test_oversize_count(tmp_path: Path, name: str, read: Callable[[Path], object]) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(COUNTS[name] + bytes(1000))
    assert_plainly_refused(problem_of(read, path))


OFFSETS: dict[str, tuple[int, int]] = {
    "both at the same place": (0, 0),
    "one inside the other": (0, 64),
    "in a circle": (128, 0),
    "round the end of 64 bits": (0, 2**64 - 128),
    "a gap between": (0, 256),
    "past everything": (0, 2**63),
    "not from the beginning": (32, 160),
}


@pytest.mark.parametrize("name", OFFSETS)
@pytest.mark.parametrize("whole", [True, False])
def test_tensors_that_do_not_follow_each_other(name: str, whole: bool) -> None:
    first, second = OFFSETS[name]
    data = b"GGUF" + struct.pack("<IQQ", 3, 2, 0)
    data += files.tensor_info("a", (32,), 0, first) + files.tensor_info("b", (32,), 0, second) + bytes(100_000)
    with pytest.raises(ProblemError) as caught:
        read_header_from(io.BytesIO(data), len(data), whole=whole)
    assert_plainly_refused(caught.value.problem)


# --- In little memory -------------------------------------------------------------------------------------------------

# Reads each file with 100 MB more than the process has by now, and says what became of it.
LIMITED = """
import resource, sys
from pathlib import Path
from llamadesk.core.errors import ProblemError
from llamadesk.core.gguf import read_facts
from llamadesk.core.gguf_raw import raw_values

readers = {"facts": read_facts, "raw": raw_values, "all at once": Path.read_bytes}
read, *paths = readers[sys.argv[1]], *sys.argv[2:]
pages = int(Path("/proc/self/statm").read_text().split()[0])
limit = pages * resource.getpagesize() + 100_000_000
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for path in paths:
    try:
        read(Path(path))
        print("read")
    except ProblemError as error:
        print(error.problem.code)
    except MemoryError:
        print("out of memory")
"""


def read_with_100_mb(reader: str, path: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, reader, str(path)],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.mark.skipif(sys.platform != "linux", reason="the address space is bounded as on Linux")
def test_100_mb_are_enough(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    outcomes = {}
    for name, write in HOSTILE.items():
        write(path)
        outcomes[name] = (read_with_100_mb("facts", path), read_with_100_mb("raw", path))
        path.unlink()
    damaged, unsupported = ProblemCode.MODEL_DAMAGED.value, ProblemCode.MODEL_UNSUPPORTED.value
    assert outcomes == {
        "long_texts": (damaged, damaged),
        "empty_texts": (damaged, "read"),
        "many_keys": (unsupported, "read"),
        "many_lists": (unsupported, "read"),
        "many_lists_of_texts": (unsupported, "read"),
        "many_tensors": (damaged, "read"),
        "gigabyte_as_key": (damaged, damaged),
        "gigabyte_as_value": (damaged, damaged),
        "gigabyte_in_a_list": (damaged, damaged),
        "gigabyte_as_tensor": (damaged, "read"),
    }


@pytest.mark.skipif(sys.platform != "linux", reason="the address space is bounded as on Linux")
def test_100_mb_are_not_enough_for_all_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    HOSTILE["gigabyte_as_value"](path)
    assert path.stat().st_size > GIGABYTE
    assert read_with_100_mb("all at once", path) == "out of memory"
    path.unlink()


@pytest.mark.parametrize("name", [name for name in HOSTILE if name.startswith("gigabyte")])
@pytest.mark.parametrize("read", [read_header, raw_values])
def test_a_gigabyte_is_never_taken_in(tmp_path: Path, name: str, read: Callable[[Path], object]) -> None:
    path = tmp_path / "m.gguf"
    HOSTILE[name](path)
    tracemalloc.start()
    try:
        if read is raw_values and name == "gigabyte_as_tensor":
            assert len(raw_values(path)) == 1  # what lies before it is in order
        else:
            assert_plainly_refused(problem_of(read, path))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000
    path.unlink()


# --- Cut and mutated --------------------------------------------------------------------------------------------------


def cut(dice: random.Random, data: bytearray) -> None:
    del data[dice.randrange(len(data)) :]


def flip(dice: random.Random, data: bytearray) -> None:
    for _ in range(dice.choice((1, 1, 4, 64))):
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)


def blow_up(dice: random.Random, data: bytearray) -> None:
    for _ in range(dice.choice((1, 1, 3))):
        at = dice.randrange(4, len(data) - 8)
        form = dice.choice("IQ")
        struct.pack_into(f"<{form}", data, at, dice.choice(HUGE) % 2 ** (8 * struct.calcsize(form)))


def take_out(dice: random.Random, data: bytearray) -> None:
    at = dice.randrange(len(data))
    del data[at : at + dice.randrange(1, 40)]


def put_in(dice: random.Random, data: bytearray) -> None:
    at = dice.randrange(len(data))
    data[at:at] = dice.randbytes(dice.randrange(1, 40))


def repeat(dice: random.Random, data: bytearray) -> None:
    at = dice.randrange(len(data))
    data[at:at] = data[at : at + dice.randrange(1, 200)]


MUTATIONS = (cut, flip, blow_up, take_out, put_in, repeat)


def outcome(data: bytes, *, whole: bool) -> Header | Problem:
    """What becomes of reading `data`; anything but a header or a problem fails the test."""
    try:
        return read_header_from(io.BytesIO(data), len(data), whole=whole)
    except ProblemError as error:
        assert error.problem.title and error.problem.advice
        return error.problem


def test_cut_and_mutated_headers() -> None:
    dice = random.Random(SEED)
    outcomes: Counter[str] = Counter()
    for number in range(N_MUTATED):
        data = bytearray(WHOLE)
        MUTATIONS[number % len(MUTATIONS)](dice, data)
        file = bytes(data) + WEIGHTS
        header, part = outcome(file, whole=True), outcome(bytes(data), whole=False)
        try:
            n_raw: int | None = len(raw_values_from(io.BytesIO(data), len(data)))
        except ProblemError as error:
            assert error.problem.title and error.problem.advice
            n_raw = None
        if isinstance(header, Problem):
            outcomes[header.code] += 1
            continue
        outcomes["read"] += 1
        assert header.data_offset + sum(tensor.n_bytes for tensor in header.tensors) <= len(file)
        if isinstance(part, Header):  # what was cut off may begin with weights that look like the rest
            assert header == part
            assert n_raw == len(header.values.keys() | header.array_lengths.keys())
        try:
            assert facts_of(header).n_params > 0
        except ProblemError as error:
            assert error.problem.code in (ProblemCode.MODEL_DAMAGED, ProblemCode.MODEL_UNSUPPORTED)
    assert outcomes.keys() >= {"read", ProblemCode.MODEL_DAMAGED, ProblemCode.MODEL_NOT_GGUF}
    assert outcomes.keys() <= {"read", ProblemCode.MODEL_DAMAGED, ProblemCode.MODEL_NOT_GGUF} | {
        ProblemCode.MODEL_UNSUPPORTED,
        ProblemCode.MODEL_OLD_FORMAT,
    }
