"""What a header says, key by key, as short printable texts."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import gguf_files as files
import pytest
from gguf_files import Array, Shape

from llamadesk.core.errors import ProblemCode, ProblemError
from llamadesk.core.gguf_header import read_header
from llamadesk.core.gguf_raw import RawValue, raw_values


def typed(kind: int, value: object) -> bytes:
    """A single number of any type, as `gguf_files.write` takes it."""
    return struct.pack("<I", kind) + files.number(kind, value)


VALUES: dict[str, tuple[files.Value | bytes, str, str]] = {
    "u8": (typed(files.U8, 200), "uint8", "200"),
    "i8": (typed(files.I8, -3), "int8", "-3"),
    "u16": (typed(files.U16, 60_000), "uint16", "60000"),
    "i16": (typed(files.I16, -3), "int16", "-3"),
    "u32": (4096, "uint32", "4096"),
    "i32": (typed(files.I32, -3), "int32", "-3"),
    "u64": (typed(files.U64, 2**63), "uint64", "9223372036854775808"),
    "i64": (typed(files.I64, -(2**40)), "int64", "-1099511627776"),
    "f32": (1e-5, "float32", "1e-05"),
    "infinite": (float("inf"), "float32", "inf"),
    "f64": (typed(files.F64, 0.1), "float64", "0.1"),
    "bool": (True, "bool", "true"),
    "text": ("Llama 2 ä😀", "string", "Llama 2 ä😀"),
    "no text": ("", "string", ""),
    "lines": ("{% if x %}\n\t<s>", "string", "{% if x %}\\n\\t<s>"),
    "turned round": ("a\u202eb\0", "string", "a\\u202eb\\x00"),
    "no unicode": (struct.pack("<I", files.STRING) + files.text(b"a\xffb"), "string", "a\ufffdb"),
    "long": ("x" * 401, "string", "x" * 400 + "…"),
    "just not long": ("x" * 400, "string", "x" * 400),
    "very long and wide": ("😀" * 5000, "string", "😀" * 400 + "…"),
    "texts": (
        Array(files.STRING, ["<unk>", "<s>", "</s>", "\n", *("abcdefgh" * 9 for _ in range(31_996))]),
        "array of string",
        "32,000 texts: <unk>, <s>, </s>, \\n" + f", {'abcdefgh' * 5}…" * 4 + ", …",
    ),
    "few texts": (Array(files.STRING, ["en", "de"]), "array of string", "2 texts: en, de"),
    "one text": (Array(files.STRING, ["en"]), "array of string", "1 text: en"),
    "no texts": (Array(files.STRING, []), "array of string", "no texts"),
    "fractions": (Array(files.F32, [0.1] * 9), "array of float32", "9 numbers:" + " 0.1," * 8 + " …"),
    "numbers": (Array(files.I32, [1, -2, 3]), "array of int32", "3 numbers: 1, -2, 3"),
    "no numbers": (Array(files.U8, []), "array of uint8", "no numbers"),
    "truths": (Array(files.BOOL, [True, False]), "array of bool", "2 values: true, false"),
    "after": (7, "uint32", "7"),
}


def test_every_kind_of_value(tmp_path: Path) -> None:
    path = files.write(tmp_path / "m.gguf", {key: value for key, (value, _, _) in VALUES.items()})
    assert raw_values(path) == [RawValue(key, name, text) for key, (_, name, text) in VALUES.items()]


def test_keys_are_one_printable_line(tmp_path: Path) -> None:
    path = files.write(tmp_path / "m.gguf", {"a\nb\u202ec": 1})
    assert raw_values(path) == [RawValue("a\\nb\\u202ec", "uint32", "1")]


def test_starter_model(starter_model: Path) -> None:
    raw, header = raw_values(starter_model), read_header(starter_model)
    assert {value.key for value in raw} == header.values.keys() | header.array_lengths.keys()
    by_key = {value.key: value for value in raw}
    assert by_key["general.architecture"] == RawValue("general.architecture", "string", "llama")
    tokens = by_key["tokenizer.ggml.tokens"]
    assert tokens.type_name == "array of string"
    assert tokens.text.startswith("49,152 texts: <|endoftext|>, ") and tokens.text.endswith(", …")


def test_data_need_not_be_there(tmp_path: Path) -> None:
    path = Shape().write(tmp_path / "m.gguf")
    whole = raw_values(path)
    os.truncate(path, read_header(path).data_offset)
    assert raw_values(path) == whole


def test_trouble_is_that_of_the_header(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 2) + files.pair("a", 1) + files.pair("a", 2))
    for where, code in (
        (path, ProblemCode.MODEL_DAMAGED),
        (tmp_path, ProblemCode.MODEL_NOT_GGUF),
        (tmp_path / "none", ProblemCode.MODEL_MISSING),
    ):
        with pytest.raises(ProblemError) as caught:
            raw_values(where)
        assert caught.value.problem.code == code
