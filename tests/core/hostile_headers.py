"""Files whose headers want to cost their reader much time or memory; all of them are holes for the most part."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

import gguf_files as files
from gguf_files import Array

GIGABYTE = 2**30


def _start(n_tensors: int, n_keys: int) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, n_tensors, n_keys)


def _token_list(file: BinaryIO, count: int) -> None:
    """A header up to the first of so many tokens."""
    file.write(_start(1, 1) + files.text("tokenizer.ggml.tokens"))
    file.write(struct.pack("<IIQ", files.ARRAY, files.STRING, count))


def long_texts(path: Path) -> None:
    """1,500,000 texts of a quarter of a megabyte, in a file with a hole of 500 GB."""
    step = 256 * 1024
    with path.open("wb") as file:
        _token_list(file, 1_500_000)
        for _ in range(2000):
            file.write(struct.pack("<Q", step))
            file.seek(step, 1)
        file.truncate(500_000_000_000)


def empty_texts(path: Path) -> None:
    """All zeros where a vocabulary should be: nothing but empty texts, as many as may be."""
    with path.open("wb") as file:
        _token_list(file, 1_500_000)
        file.truncate(10_000_000_000)


def many_keys(path: Path) -> None:
    """As many keys as may be, each with a name and a text as long as may be, kept in the widest characters."""
    body = b"".join(files.pair(f"{index:01020}😀", "😀" + "x" * 10_000) for index in range(2048))
    path.write_bytes(_start(0, 2048) + body)


def many_lists(path: Path) -> None:
    """As many lists as are kept, each as long as may be."""
    numbers = Array(files.U64, list(range(2**19, 2**19 + 512)))
    body = b"".join(files.pair(f"{index}.feed_forward_length", numbers) for index in range(2048))
    path.write_bytes(_start(0, 2048) + body)


def many_lists_of_texts(path: Path) -> None:
    """As many lists as may be whose first texts would be shown, each of them longer than is shown."""
    texts = Array(files.STRING, ["\0" * 500] * 9)
    body = b"".join(files.pair(f"{index}", texts) for index in range(2048))
    path.write_bytes(_start(0, 2048) + body)


def many_tensors(path: Path) -> None:
    """As many tensors as may be."""
    infos = (files.tensor_info(f"{index:063}", (1, 1, 1, 1), 0, index * 32) for index in range(16_384))
    path.write_bytes(_start(16_384, 0) + b"".join(infos) + bytes(16_384 * 32))


def _with_a_gigabyte(path: Path, before: bytes) -> None:
    """A text of a gigabyte, all of it there, after `before`."""
    with path.open("wb") as file:
        file.write(before + struct.pack("<Q", GIGABYTE))
        file.truncate(file.tell() + GIGABYTE + 1000)


def gigabyte_as_key(path: Path) -> None:
    _with_a_gigabyte(path, _start(1, 1))


def gigabyte_as_value(path: Path) -> None:
    _with_a_gigabyte(path, _start(1, 2) + files.text("general.name") + struct.pack("<I", files.STRING))


def gigabyte_in_a_list(path: Path) -> None:
    head = files.text("tokenizer.ggml.tokens") + struct.pack("<IIQ", files.ARRAY, files.STRING, 2)
    _with_a_gigabyte(path, _start(1, 1) + head)


def gigabyte_as_tensor(path: Path) -> None:
    _with_a_gigabyte(path, _start(1, 1) + files.pair("general.architecture", "llama"))


HOSTILE: Mapping[str, Callable[[Path], None]] = {
    write.__name__: write
    for write in (
        long_texts,
        empty_texts,
        many_keys,
        many_lists,
        many_lists_of_texts,
        many_tensors,
        gigabyte_as_key,
        gigabyte_as_value,
        gigabyte_in_a_list,
        gigabyte_as_tensor,
    )
}
