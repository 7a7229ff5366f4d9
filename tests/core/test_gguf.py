"""Reading facts from GGUF headers: whole ones of every kind, and each way in which a file can be wrong."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Callable
from pathlib import Path

import gguf
import gguf_files as files
import pytest
from gguf_files import Array, Shape

from llamadesk.core.errors import ProblemCode, ProblemError
from llamadesk.core.ggml_types import FILE_TYPES, TENSOR_TYPES, WITHDRAWN_TENSOR_TYPES
from llamadesk.core.gguf import read_facts
from llamadesk.core.gguf_header import read_header


def problem_code(path: Path, read: Callable[[Path], object] = read_facts) -> ProblemCode:
    with pytest.raises(ProblemError) as caught:
        read(path)
    problem = caught.value.problem
    assert problem.title and problem.advice
    return problem.code


def test_starter_model(starter_model: Path) -> None:
    facts = read_facts(starter_model)
    assert facts.architecture == "llama"
    assert facts.quantization == "Q4_1"
    assert (facts.n_layers, facts.n_ctx_train, facts.n_embd, facts.n_ff) == (30, 8192, 576, 1536)
    assert (facts.n_head, facts.n_head_kv, facts.d_head_k, facts.d_head_v) == (9, 3, 64, 64)
    assert facts.n_vocab == 49152
    assert facts.n_params == 134_515_008
    assert facts.has_chat_template


def test_llama_2_7b(tmp_path: Path) -> None:
    path = files.LLAMA_2_7B.write(tmp_path / "llama-2-7b-chat.GGUF.q4_0.bin")
    facts = read_facts(path)
    assert (facts.n_layers, facts.n_ctx_train, facts.n_head_kv, facts.d_head_k) == (32, 4096, 32, 128)
    assert facts.quantization == "Q4_0"
    assert facts.n_params == 6_738_415_616
    assert facts.tensor_bytes == facts.repeating_bytes + facts.output_bytes + 32000 * 4096 // 32 * 18
    assert facts.output_bytes == 32000 * 4096 // 32 * 18 + 4096 * 4


def test_header_agrees_with_the_gguf_package(starter_model: Path) -> None:
    header = read_header(starter_model)
    reader = gguf.GGUFReader(starter_model)
    assert [(t.name, t.n_bytes, t.n_elements) for t in header.tensors] == [
        (t.name, int(t.n_bytes), int(t.n_elements)) for t in reader.tensors
    ]
    for key, field in reader.fields.items():
        if key.startswith("GGUF."):
            continue
        if field.types[0] == gguf.GGUFValueType.ARRAY:
            assert header.array_lengths[key] == len(field.data)
        else:
            expected = field.contents()
            assert header.values[key] == (expected[:4096] if isinstance(expected, str) else expected)


EVERY_TYPE = {
    files.U8: 200,
    files.I8: -3,
    files.U16: 60_000,
    files.I16: -3,
    files.U32: 4_000_000_000,
    files.I32: -3,
    files.U64: 2**63,
    files.I64: -(2**40),
    files.F32: 0.5,
    files.F64: 0.1,
    files.BOOL: True,
    files.STRING: "ä😀",
}


@pytest.mark.parametrize(("kind", "value"), EVERY_TYPE.items())
def test_every_value_type(tmp_path: Path, kind: int, value: object) -> None:
    body = files.text(str(value)) if kind == files.STRING else files.number(kind, value)
    values: dict[str, files.Value | bytes] = {
        "some.value": struct.pack("<I", kind) + body,
        "some.list": Array(kind, [value] * 3),
        "after.list": 7,
    }
    header = read_header(files.write(tmp_path / "m.gguf", values))
    assert header.values == {"some.value": value, "after.list": 7}
    assert type(header.values["some.value"]) is type(value)
    assert header.array_lengths == {"some.list": 3}


def test_version_2(tmp_path: Path) -> None:
    shape = Shape()
    assert read_facts(files.write(tmp_path / "m.gguf", shape.values, shape.tensors, version=2)).n_layers == 2


def test_long_list_of_strings_is_stepped_over(tmp_path: Path) -> None:
    # longer than a chunk of the reader, and with texts that are
    merges = ["x" * 300_000, "", *("a b" for _ in range(100_000)), "y" * 300_000]
    path = Shape().write(tmp_path / "m.gguf", tokenizer__ggml__merges=Array(files.STRING, merges), general__after=7)
    header = read_header(path)
    assert header.array_lengths["tokenizer.ggml.merges"] == 100_003
    assert header.values["general.after"] == 7
    assert "tokenizer.ggml.merges" not in header.values


def test_heads_by_layer(tmp_path: Path) -> None:
    path = Shape(n_layers=4).write(
        tmp_path / "m.gguf",
        llama__attention__head_count_kv=Array(files.I32, [2, 0, 1, 2]),
        llama__feed_forward_length=Array(files.I32, [128, 96, 128, 64]),
    )
    facts = read_facts(path)
    assert facts.n_head_kv == 2  # 5 in 4 layers, rounded up
    assert facts.n_ff == 128


def test_heads_of_other_lengths_than_the_embedding_gives(tmp_path: Path) -> None:
    path = Shape().write(tmp_path / "m.gguf", llama__attention__key_length=192, llama__attention__value_length=128)
    facts = read_facts(path)
    assert (facts.d_head_k, facts.d_head_v) == (192, 128)


def test_experts_that_work_together_count_as_the_width(tmp_path: Path) -> None:
    path = Shape().write(tmp_path / "m.gguf", llama__expert_used_count=8, llama__expert_feed_forward_length=96)
    assert read_facts(path).n_ff == 768


def test_quantization_without_a_file_type(tmp_path: Path) -> None:
    shape = Shape(kind=2)
    values = {key: value for key, value in shape.values.items() if key != "general.file_type"}
    assert read_facts(files.write(tmp_path / "m.gguf", values, shape.tensors)).quantization == "Q4_0"


@pytest.mark.parametrize(
    ("file_type", "name"), [(15, "Q4_K_M"), (1024 + 17, "Q5_K_M"), (32, "BF16"), (38, "MXFP4"), (999, "Q8_0")]
)
def test_quantization_by_file_type(tmp_path: Path, file_type: int, name: str) -> None:
    assert read_facts(Shape(file_type=file_type).write(tmp_path / "m.gguf")).quantization == name


def test_tables_agree_with_llama_cpp() -> None:
    # The package's face may be a stub by now, put there by a test of the engine; this module is the same in both.
    from llama_cpp import llama_cpp  # noqa: PLC0415

    base = ctypes.CDLL(str(next((Path(llama_cpp.__file__).parent / "lib").glob("*ggml-base.*"))))
    base.ggml_type_size.restype = ctypes.c_size_t
    base.ggml_blck_size.restype = ctypes.c_int64
    for number in range(llama_cpp.GGML_TYPE_COUNT):
        known = TENSOR_TYPES.get(number)
        expected = (base.ggml_blck_size(number), base.ggml_type_size(number))
        assert expected == ((known.block_elements, known.block_bytes) if known else (0, 0)), number
        assert known or number in WITHDRAWN_TENSOR_TYPES
    for name in dir(llama_cpp):
        if name.startswith(("LLAMA_FTYPE_MOSTLY_", "LLAMA_FTYPE_ALL_")):
            expected_name = (
                name.removeprefix("LLAMA_FTYPE_MOSTLY_").removeprefix("LLAMA_FTYPE_ALL_").removesuffix("_MOE")
            )
            assert FILE_TYPES[getattr(llama_cpp, name)] == expected_name


# --- Files that are no such thing -------------------------------------------------------------------------------------


@pytest.mark.parametrize("magic", [b"lmgg", b"fmgg", b"tjgg", b"algg", b"ggjt"])
def test_old_format(tmp_path: Path, magic: bytes) -> None:
    path = tmp_path / "old.bin"
    path.write_bytes(magic + bytes(100))
    with pytest.raises(ProblemError) as caught:
        read_facts(path)
    assert caught.value.problem.code == ProblemCode.MODEL_OLD_FORMAT
    assert "GGUF version of the same model" in caught.value.problem.text


@pytest.mark.parametrize(
    "content", [b"PK\x03\x04" + bytes(50), b"x", b"\x00" * 5000, b"<!DOCTYPE html>", b"version https://git-lfs"]
)
def test_other_content(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(content)
    assert problem_code(path) == ProblemCode.MODEL_NOT_GGUF


def test_missing_empty_folder_pipe(tmp_path: Path) -> None:
    (tmp_path / "empty.gguf").touch()
    assert problem_code(tmp_path / "none.gguf") == ProblemCode.MODEL_MISSING
    assert problem_code(tmp_path / "empty.gguf" / "m.gguf") == ProblemCode.MODEL_MISSING
    assert problem_code(tmp_path / "empty.gguf") == ProblemCode.MODEL_DAMAGED
    assert problem_code(tmp_path) == ProblemCode.MODEL_NOT_GGUF
    assert problem_code(tmp_path / "nul\0.gguf") == ProblemCode.MODEL_UNREADABLE
    assert problem_code(tmp_path / ("long" * 100)) == ProblemCode.MODEL_UNREADABLE


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "m.gguf")
    assert problem_code(tmp_path / "m.gguf") == ProblemCode.MODEL_NOT_GGUF


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions of another kind")
def test_unreadable(tmp_path: Path) -> None:
    path = Shape().write(tmp_path / "m.gguf")
    path.chmod(0)
    if os.geteuid() != 0:
        assert problem_code(path) == ProblemCode.MODEL_UNREADABLE
        return
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    os.seteuid(65534)  # root may read everything
    try:
        assert problem_code(path) == ProblemCode.MODEL_UNREADABLE
    finally:
        os.seteuid(0)


def test_versions(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    for version, code in (
        (1, "model_unsupported"),
        (4, "model_unsupported"),
        (0, "model_damaged"),
        (2**30 + 1, "model_damaged"),
    ):
        path.write_bytes(files.header({}, version=version))
        assert problem_code(path) == code, version
    path.write_bytes(b"GGUF" + struct.pack(">IQQ", 3, 1, 1))
    assert problem_code(path) == ProblemCode.MODEL_UNSUPPORTED


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("general.architecture", "clip"),
        ("general.architecture", "nomic-bert"),
        ("general.type", "mmproj"),
        ("general.type", "adapter"),
        ("split.count", 3),
    ],
)
def test_files_that_are_no_whole_chat_model(tmp_path: Path, key: str, value: str | int) -> None:
    path = files.write(tmp_path / "m.gguf", Shape().values | {key: value}, Shape().tensors)
    assert problem_code(path) == ProblemCode.MODEL_UNSUPPORTED


def test_vocabulary_alone(tmp_path: Path) -> None:
    assert problem_code(files.write(tmp_path / "m.gguf", Shape().values)) == ProblemCode.MODEL_UNSUPPORTED


# --- Damage -----------------------------------------------------------------------------------------------------------


def test_incomplete_file_says_how_much_is_there(tmp_path: Path) -> None:
    path = files.LLAMA_2_7B.write(tmp_path / "m.gguf")
    os.truncate(path, 1_200_000_000)
    with pytest.raises(ProblemError) as caught:
        read_facts(path)
    assert caught.value.problem.code == ProblemCode.MODEL_DAMAGED
    assert caught.value.problem.text == "The file is incomplete: 1.2 of 3.8 GB are here. Download it again."


def test_one_byte_short(tmp_path: Path) -> None:
    path = Shape().write(tmp_path / "m.gguf")
    read_facts(path)
    os.truncate(path, path.stat().st_size - 1)
    assert problem_code(path) == ProblemCode.MODEL_DAMAGED


LONG = struct.pack("<Q", 2**63 - 1)
DAMAGED_VALUES: dict[str, bytes] = {
    "a type that there is not": struct.pack("<I", 13),
    "a list of lists": struct.pack("<IIQ", files.ARRAY, files.ARRAY, 1),
    "a list of a type that there is not": struct.pack("<IIQ", files.ARRAY, 99, 1),
    "a list beyond the file": struct.pack("<II", files.ARRAY, files.U8) + LONG,
    "a list beyond 64 bits": struct.pack("<IIQ", files.ARRAY, files.U64, 2**64 - 1),
    "a list of more texts than there can be": struct.pack("<II", files.ARRAY, files.STRING) + LONG,
    "a list of texts beyond the file": struct.pack("<IIQ", files.ARRAY, files.STRING, 1_000_000),
    "a list with a text beyond the file": struct.pack("<IIQ", files.ARRAY, files.STRING, 1) + LONG,
    "a text beyond the file": struct.pack("<I", files.STRING) + LONG,
    "a text of a gigabyte": struct.pack("<IQ", files.STRING, 10**9),
}


@pytest.mark.parametrize("name", DAMAGED_VALUES)
def test_damaged_value(tmp_path: Path, name: str) -> None:
    path = files.write(tmp_path / "m.gguf", Shape().values | {"some.value": DAMAGED_VALUES[name]}, Shape().tensors)
    assert problem_code(path) == ProblemCode.MODEL_DAMAGED


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("general.architecture", 7),
        ("general.architecture", ""),
        ("general.architecture", "mistral"),  # its own keys are missing
        ("general.name", 3.5),
        ("general.alignment", 0),
        ("general.alignment", 33),
        ("general.alignment", "32"),
        ("llama.block_count", 0),
        ("llama.block_count", 100_000),
        ("llama.block_count", True),
        ("llama.block_count", "two"),
        ("llama.context_length", 0),
        ("llama.context_length", 1.5),
        ("llama.embedding_length", 2**31),
        ("llama.attention.head_count", "four"),
        ("llama.attention.head_count_kv", 2**30),
        ("llama.feed_forward_length", 2**30),
        ("tokenizer.chat_template", 5),
    ],
)
def test_impossible_value(tmp_path: Path, key: str, value: files.Value) -> None:
    path = files.write(tmp_path / "m.gguf", Shape().values | {key: value}, Shape().tensors)
    assert problem_code(path) == ProblemCode.MODEL_DAMAGED


def tensor_file(path: Path, infos: bytes, count: int) -> Path:
    """A file with one key and `count` tensors, told in `infos`; 1 MB of weights follow."""
    start = b"GGUF" + struct.pack("<IQQ", 3, count, 1) + files.pair("general.architecture", "llama") + infos
    path.write_bytes(start + bytes(1_000_000))
    return path


DAMAGED_TENSORS: dict[str, tuple[bytes, int]] = {
    "no dimensions": (files.tensor_info("t", (), 0, 0), 1),
    "five dimensions": (files.tensor_info("t", (1, 1, 1, 1, 1), 0, 0), 1),
    "four thousand million dimensions": (files.text("t") + b"\xff" * 4, 1),
    "a dimension of nothing": (files.tensor_info("t", (32, 0), 0, 0), 1),
    "more elements than 64 bits count": (files.tensor_info("t", (2**40, 2**40), 0, 0), 1),
    "half a block": (files.tensor_info("t", (48,), 2, 0), 1),
    "a type that cannot be": (files.tensor_info("t", (32,), 70_000, 0), 1),
    "an offset in another's data": (files.tensor_info("t", (32,), 0, 0) + files.tensor_info("u", (32,), 0, 64), 2),
    "an offset past everything": (files.tensor_info("t", (32,), 0, 2**63), 1),
    "the same name twice": (files.tensor_info("t", (32,), 0, 0) + files.tensor_info("t", (32,), 0, 128), 2),
    "a name of 64 bytes": (files.tensor_info("t" * 64, (32,), 0, 0), 1),
    "a name that is no text": (files.text(b"\xff\xfe") + struct.pack("<IQIQ", 1, 32, 0, 0), 1),
    "a name beyond the file": (LONG, 1),
    "more than there are": (files.tensor_info("t", (32,), 0, 0), 2),
    "more than there can be": (b"", 2**62),
}


@pytest.mark.parametrize("name", DAMAGED_TENSORS)
def test_damaged_tensor(tmp_path: Path, name: str) -> None:
    infos, count = DAMAGED_TENSORS[name]
    assert problem_code(tensor_file(tmp_path / "m.gguf", infos, count), read_header) == ProblemCode.MODEL_DAMAGED


@pytest.mark.parametrize(("kind", "advice"), [(31, "Q4_0"), (43, "update"), (200, "update")])
def test_tensor_type_of_another_version(tmp_path: Path, kind: int, advice: str) -> None:
    path = tensor_file(tmp_path / "m.gguf", files.tensor_info("t", (32,), kind, 0), 1)
    with pytest.raises(ProblemError) as caught:
        read_header(path)
    assert caught.value.problem.code == ProblemCode.MODEL_UNSUPPORTED
    assert advice in caught.value.problem.advice


def test_key_twice(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    for second in (1, Array(files.U8, [1])):
        path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 2) + files.pair("a", 1) + files.pair("a", second))
        assert problem_code(path, read_header) == ProblemCode.MODEL_DAMAGED


def test_more_keys_than_there_can_be(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 2**64 - 1) + bytes(100))
    assert problem_code(path) == ProblemCode.MODEL_DAMAGED
