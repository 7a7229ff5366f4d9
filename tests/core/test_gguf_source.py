"""Reading a header from something that is no file of this machine, and where the tensors' data begin."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import gguf
import gguf_files as files
import pytest
from gguf_files import Array, Shape

from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.core.gguf import facts_of
from llamadesk.core.gguf_header import read_header, read_header_from

CHUNK_BYTES = 256 * 1024


class Source:
    """What is far away: gives at most `most` bytes at a time, and knows how far it was read."""

    def __init__(self, content: bytes, most: int = 2**60) -> None:
        self.end_read = 0
        self._content = io.BytesIO(content)
        self._most = most

    def seek(self, position: int) -> int:
        return self._content.seek(position)

    def read(self, n_bytes: int) -> bytes:
        data = self._content.read(min(n_bytes, self._most))
        self.end_read = max(self.end_read, self._content.tell())
        return data


@pytest.fixture(scope="module")
def content() -> bytes:
    """A whole model whose header is longer than a chunk."""
    merges = Array(files.STRING, [f"t{index} x" for index in range(30_000)])
    shape = Shape()
    return files.header(shape.values | {"tokenizer.ggml.merges": merges}, shape.tensors) + bytes(
        files.data_bytes(shape.tensors)
    )


@pytest.mark.parametrize("most", [2**60, 1000])
def test_a_source_and_a_file_say_the_same(tmp_path: Path, content: bytes, most: int) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(content)
    assert read_header_from(Source(content, most), len(content)) == read_header(path)


def test_the_data_need_not_be_there(content: bytes) -> None:
    whole = read_header_from(Source(content), len(content))
    part = content[: whole.data_offset]
    assert len(part) > CHUNK_BYTES
    header = read_header_from(Source(part), len(part), whole=False)
    assert header == whole
    assert facts_of(header).n_layers == 2
    with pytest.raises(ProblemError) as caught:
        read_header_from(Source(part), len(part))
    assert caught.value.problem.code == ProblemCode.MODEL_DAMAGED


def test_part_of_a_header_is_not_enough(content: bytes) -> None:
    end = read_header_from(Source(content), len(content)).data_offset
    for size in (end // 2, end - 40):
        with pytest.raises(ProblemError) as caught:
            read_header_from(Source(content[:size]), size, whole=False)
        assert caught.value.problem.code == ProblemCode.MODEL_DAMAGED


def test_a_source_that_is_shorter_than_it_says(content: bytes) -> None:
    with pytest.raises(ProblemError) as caught:
        read_header_from(Source(content[:5000]), len(content), whole=False)
    assert caught.value.problem.code == ProblemCode.MODEL_DAMAGED


def test_no_more_is_read_than_the_header_and_a_chunk(content: bytes) -> None:
    source = Source(content + bytes(10_000_000))
    header = read_header_from(source, 3_800_000_000, whole=False)
    assert source.end_read <= header.data_offset + CHUNK_BYTES


@pytest.mark.parametrize(
    "error", [OSError("the cable was pulled"), ProblemError(Problem(ProblemCode.NETWORK_FAILED, "No network."))]
)
def test_trouble_of_the_source_comes_through(error: Exception) -> None:
    class Broken(Source):
        def read(self, n_bytes: int) -> bytes:
            raise error

    with pytest.raises(type(error)) as caught:
        read_header_from(Broken(b""), 1000)
    assert caught.value is error


def test_data_begin_where_the_gguf_package_finds_them(starter_model: Path) -> None:
    assert read_header(starter_model).data_offset == gguf.GGUFReader(starter_model).data_offset


@pytest.mark.parametrize("alignment", [1, 32, 64, 4096])
def test_data_begin_on_the_alignment(alignment: int) -> None:
    start = b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + files.pair("general.alignment", alignment)
    start += files.tensor_info("t", (7,), 0, 0)
    header = read_header_from(Source(start), len(start), whole=False)
    assert header.data_offset % alignment == 0
    assert 0 <= header.data_offset - len(start) < alignment
