"""Reads the header of a GGUF file: what it says of itself, and where its tensors lie.

Pure Python, and in no more time and memory than an honest file needs, whatever a hostile one claims: counts are bounded
before anything is read, lists of tokens are stepped over, and text is kept only so far.

Only what llama.cpp itself accepts is accepted: version 2 and 3, little-endian, tensors one after the other.
"""

from __future__ import annotations

import stat
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, NoReturn, cast

from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.core.ggml_types import LARGEST_TYPE_NUMBER, TENSOR_TYPES, WITHDRAWN_TENSOR_TYPES, TensorType
from llamadesk.core.gguf_cursor import KEPT_TEXT_BYTES, Cursor, Number, damaged, fail, unsupported
from llamadesk.core.sizes import part_text

Value = Number | str | tuple[int, ...]

MAGIC: Final = b"GGUF"
OLD_MAGICS: Final = frozenset({b"lmgg", b"fmgg", b"tjgg", b"algg", b"ggml", b"ggmf", b"ggjt", b"ggla"})
"""GGML, GGMF, GGJT and GGLA: a little-endian number each, so that the letters are turned round in the file."""

UINT32: Final = 4
FLOAT32: Final = 6
BOOL: Final = 7
STRING: Final = 8
ARRAY: Final = 9
VALUE_TYPES: Final[Mapping[int, str]] = {
    0: "uint8",
    1: "int8",
    2: "uint16",
    3: "int16",
    UINT32: "uint32",
    5: "int32",
    FLOAT32: "float32",
    BOOL: "bool",
    STRING: "string",
    ARRAY: "array",
    10: "uint64",
    11: "int64",
    12: "float64",
}
"""The types of values by their numbers, in the words of the GGUF specification."""

_SCALARS: Final[Mapping[int, struct.Struct]] = {
    number: struct.Struct("<" + letter)
    for number, letter in {
        0: "B",
        1: "b",
        2: "H",
        3: "h",
        UINT32: "I",
        5: "i",
        FLOAT32: "f",
        BOOL: "?",
        10: "Q",
        11: "q",
        12: "d",
    }.items()
}
_INTEGER_TYPES: Final = frozenset({0, 1, 2, 3, UINT32, 5, 10, 11})
_MAX_KEYS: Final = 2048
_MAX_TENSORS: Final = 16_384  # those of the largest mixtures of experts number a few thousand
_MAX_ARRAY_STRINGS: Final = (
    2_000_000  # of the whole file; the largest vocabularies have about 260,000, and as many merges
)
_MAX_KEY_BYTES: Final = 1024
_MAX_TENSOR_NAME_BYTES: Final = 63  # GGML_MAX_NAME, less the zero
_MAX_DIMENSIONS: Final = 4
_MAX_ELEMENTS: Final = 2**48
_KEPT_ARRAY_LENGTH: Final = 512  # llama.cpp knows no model with more layers
_ARRAYS_BY_LAYER: Final = (".attention.head_count", ".attention.head_count_kv", ".feed_forward_length")
_LISTS_OF_TEXTS: Final = frozenset({"tokenizer.ggml.tokens", "tokenizer.ggml.merges"})
_ALIGNMENT: Final = "general.alignment"
_DEFAULT_ALIGNMENT: Final = 32
_MAX_ALIGNMENT: Final = 2**20


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor as the header lists it: elements in each dimension, and its size in bytes."""

    name: str
    type: TensorType
    shape: tuple[int, ...]
    n_elements: int
    n_bytes: int


@dataclass(frozen=True, slots=True)
class Header:
    """What the header of a GGUF file says.

    Attributes:
        values: numbers and texts by key; a text is cut at 4,096 bytes; of arrays only those
            with a number for each layer.
        array_lengths: the length of every array by key.
        tensors: in the order of the file.
        data_offset: where the tensors' data begin, in bytes from the start of the file.
    """

    values: Mapping[str, Value]
    array_lengths: Mapping[str, int]
    tensors: tuple[Tensor, ...]
    data_offset: int


@dataclass(frozen=True, slots=True)
class ListStart:
    """A list in a header: the type number of its elements, how many there are, and the first of them, as many as were
    asked for; texts among them are cut at 4,096 bytes."""

    element_type: int
    length: int
    first: tuple[Number | str, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """A key of a header with the type number of its value, and the value; a text is cut at 4,096 bytes where nobody
    wants more of it."""

    key: str
    type: int
    value: Number | str | ListStart


def read_header(path: Path) -> Header:
    """The header of the GGUF file at `path`.

    Raises:
        ProblemError: MODEL_MISSING, MODEL_UNREADABLE, MODEL_NOT_GGUF, MODEL_OLD_FORMAT, MODEL_UNSUPPORTED or
            MODEL_DAMAGED (also where the file is cut short).
    """
    with opened(path) as (file, file_size):
        return read_header_from(file, file_size)


def read_header_from(source: BinaryIO, file_size: int, *, whole: bool = True) -> Header:
    """The header of the GGUF file that `source` seeks and reads in, `file_size` bytes long.

    Where it is not `whole`, the data of the tensors need not be there, and `file_size` may be that of the part that is.
    No more than 256 KB beyond the end of the header are read.

    Raises:
        ProblemError: MODEL_NOT_GGUF, MODEL_OLD_FORMAT, MODEL_UNSUPPORTED or MODEL_DAMAGED.
        OSError: or anything else that `source` raises.
    """
    cursor = Cursor(source, file_size)
    pairs = PairReader(cursor, _n_wanted)
    values: dict[str, Value] = {}
    array_lengths: dict[str, int] = {}
    for pair in pairs:
        _check_type(pair)
        if not isinstance(pair.value, ListStart):
            values[pair.key] = pair.value
            continue
        array_lengths[pair.key] = pair.value.length
        if 0 < pair.value.length == len(pair.value.first):
            values[pair.key] = cast(tuple[int, ...], pair.value.first)  # no others are asked for
    alignment = _checked_alignment(values)
    tensors, data_bytes = _read_tensors(cursor, pairs.n_tensors, alignment)
    data_offset = _aligned(cursor.position, alignment)
    file_end = data_offset + data_bytes
    if whole and tensors and file_end > file_size:
        fail(
            ProblemCode.MODEL_DAMAGED,
            f"The file is incomplete: {part_text(file_size, file_end)} are here.",
            "Download it again.",
            detail=f"{file_size} of {file_end} bytes",
        )
    return Header(values, array_lengths, tensors, data_offset)


@contextmanager
def opened(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """The file at `path`, open for reading, and its size in bytes.

    Raises:
        ProblemError: MODEL_MISSING, MODEL_UNREADABLE or MODEL_NOT_GGUF (what lies there is no file); also where
            reading it fails later on.
    """
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            fail(ProblemCode.MODEL_NOT_GGUF, "This is a folder, not a model file.", "Choose a file that ends in .gguf.")
        if not stat.S_ISREG(status.st_mode):
            # a pipe or a device might never answer
            fail(ProblemCode.MODEL_NOT_GGUF, "This is not a file.", "Choose a file that ends in .gguf.")
        with path.open("rb", buffering=0) as file:
            yield file, status.st_size
    except (OSError, ValueError) as error:
        raise ProblemError(file_problem(path, error)) from error


def file_problem(path: Path, error: OSError | ValueError) -> Problem:
    """Why the file at `path` could not be opened or read; a ValueError stands for a name that no file can have."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        code = ProblemCode.MODEL_MISSING
        title = f"The model file {path.name} is not there any more."
        advice = "It may have been moved, renamed or deleted, or its drive is not connected."
    elif isinstance(error, PermissionError):
        code = ProblemCode.MODEL_UNREADABLE
        title = f"LlamaDesk may not read {path.name}."
        advice = "Change its permissions, or copy it to a folder of your own."
    else:
        code = ProblemCode.MODEL_UNREADABLE
        title = f"{path.name} cannot be read."
        advice = "Check that its drive is connected and in order."
    return Problem(code, title, advice, detail=str(error))


class PairReader:
    """The keys of a header with their values, in the order of the file; after them the cursor is at the tensors.

    `n_first(key, element_type)` says how many elements of a list are wanted: each costs time, where the rest is
    stepped over at once. `longest_text(key)` says at how many bytes a text is cut.

    Attributes:
        n_tensors: how many tensors the header claims.
    """

    def __init__(
        self,
        cursor: Cursor,
        n_first: Callable[[str, int], int],
        longest_text: Callable[[str], int] = lambda _key: KEPT_TEXT_BYTES,
    ) -> None:
        self._cursor = cursor
        self._n_first = n_first
        self._longest_text = longest_text
        self._texts_left = _MAX_ARRAY_STRINGS
        _read_magic(cursor)
        self.n_tensors, self._n_keys = cursor.u64(), cursor.u64()
        if self._n_keys > _MAX_KEYS or self.n_tensors > _MAX_TENSORS:
            damaged(f"{self.n_tensors} tensors and {self._n_keys} keys are claimed")

    def __iter__(self) -> Iterator[Pair]:
        keys: set[str] = set()
        for _ in range(self._n_keys):
            key = self._cursor.name(_MAX_KEY_BYTES)
            if key in keys:
                damaged(f"the key {key!r} is there twice")
            keys.add(key)
            value_type = self._cursor.u32()
            yield Pair(key, value_type, self._value(key, value_type))

    def _value(self, key: str, value_type: int) -> Number | str | ListStart:
        if value_type == ARRAY:
            return self._list(key)
        if value_type == STRING:
            return self._cursor.text(self._longest_text(key))
        if value_type not in _SCALARS:
            damaged(f"{key!r} has the unknown type {value_type}")
        return self._cursor.number(_SCALARS[value_type])

    def _list(self, key: str) -> ListStart:
        cursor = self._cursor
        element_type, length = cursor.u32(), cursor.u64()
        n_first = min(length, self._n_first(key, element_type))
        first: tuple[Number | str, ...]
        if element_type == STRING:
            self._texts_left -= length
            if self._texts_left < 0:
                damaged(f"{key!r} claims {length} texts")
            first = tuple(cursor.text() for _ in range(n_first))
            cursor.skip_strings(length - n_first)
        elif element_type in _SCALARS:
            form = _SCALARS[element_type]
            first = struct.unpack(f"<{n_first}{form.format[-1]}", cursor.take(form.size * n_first))
            cursor.skip(form.size * (length - n_first))
        else:  # a list of lists too: llama.cpp does not read those
            damaged(f"{key!r} is a list of the type {element_type}")
        return ListStart(element_type, length, first)


def _read_magic(cursor: Cursor) -> None:
    if cursor.file_size == 0:
        fail(ProblemCode.MODEL_DAMAGED, "The model file is empty.", "Download it again.")
    magic = cursor.take(min(4, cursor.file_size))
    if magic in OLD_MAGICS:
        fail(
            ProblemCode.MODEL_OLD_FORMAT,
            "This is an older GGML file, from before August 2023, which LlamaDesk cannot read.",
            "Look for a GGUF version of the same model.",
            detail=f"magic {magic!r}",
        )
    if magic != MAGIC:
        fail(
            ProblemCode.MODEL_NOT_GGUF,
            "This is not a model in the GGUF format.",
            "Choose a file that ends in .gguf; most models are offered in this format too.",
            detail=f"magic {magic!r}",
        )
    version = cursor.u32()
    if version in (2, 3):
        return
    if version & 0xFFFF == 0 and version:
        unsupported("This model file is made for big-endian computers.", "Look for the usual little-endian version.")
    if version == 1:
        unsupported(
            "This model file is in the first version of GGUF, which is no longer read.", "Download a newer one."
        )
    if version == 0 or version > LARGEST_TYPE_NUMBER:
        damaged(f"version {version}")
    unsupported("This model file is in a newer format than LlamaDesk knows.", "Look for an update of LlamaDesk.")


def _n_wanted(key: str, element_type: int) -> int:
    """How many elements of a list are read: those of lists with a number for each layer."""
    return _KEPT_ARRAY_LENGTH if element_type in _INTEGER_TYPES and key.endswith(_ARRAYS_BY_LAYER) else 0


def _check_type(pair: Pair) -> None:
    """Where these have another type, llama.cpp would end its process."""
    is_texts = isinstance(pair.value, ListStart) and pair.value.element_type == STRING
    if (pair.key in _LISTS_OF_TEXTS and not is_texts) or (pair.key == _ALIGNMENT and pair.type != UINT32):
        damaged(f"{pair.key} has the type {pair.type}")


def _checked_alignment(values: Mapping[str, Value]) -> int:
    alignment = values.get(_ALIGNMENT, _DEFAULT_ALIGNMENT)
    if (
        not isinstance(alignment, int)
        or not 0 < alignment <= _MAX_ALIGNMENT
        or alignment & (alignment - 1)  # not a power of two
    ):
        damaged(f"alignment {alignment!r}")
    return alignment


def _read_tensors(cursor: Cursor, count: int, alignment: int) -> tuple[tuple[Tensor, ...], int]:
    """The tensors, and the length of their data in bytes. Each must lie right behind the one before: so none can
    overlap another, and no offset can lead astray."""
    tensors: dict[str, Tensor] = {}
    data_end = expected_offset = 0
    for _ in range(count):
        tensor, offset = _read_tensor(cursor)
        if tensor.name in tensors:
            damaged(f"the tensor {tensor.name!r} is there twice")
        if offset != expected_offset:
            damaged(f"the tensor {tensor.name!r} is at {offset} and not at {expected_offset}")
        tensors[tensor.name] = tensor
        data_end = offset + tensor.n_bytes
        expected_offset = _aligned(data_end, alignment)
    return tuple(tensors.values()), data_end


def _read_tensor(cursor: Cursor) -> tuple[Tensor, int]:
    """The next tensor, and its offset in the data."""
    name = cursor.name(_MAX_TENSOR_NAME_BYTES)
    n_dimensions = cursor.u32()
    if not 1 <= n_dimensions <= _MAX_DIMENSIONS:
        damaged(f"the tensor {name!r} has {n_dimensions} dimensions")
    shape = tuple(cursor.u64() for _ in range(n_dimensions))
    n_elements = 1
    for length in shape:
        n_elements *= length
    type_number, offset = cursor.u32(), cursor.u64()
    tensor_type = _tensor_type(type_number)
    if not 0 < n_elements <= _MAX_ELEMENTS or shape[0] % tensor_type.block_elements:
        damaged(f"the tensor {name!r} has the shape {shape} in {tensor_type.name}")
    n_bytes = n_elements // tensor_type.block_elements * tensor_type.block_bytes
    return Tensor(name, tensor_type, shape, n_elements, n_bytes), offset


def _tensor_type(number: int) -> TensorType:
    if number not in TENSOR_TYPES:
        _refuse_tensor_type(number)
    return TENSOR_TYPES[number]


def _refuse_tensor_type(number: int) -> NoReturn:
    withdrawn = WITHDRAWN_TENSOR_TYPES.get(number)
    if withdrawn is not None:
        name, replacement = withdrawn
        unsupported(
            f"The model file is quantized as {name}, which is no longer in use.",
            f"Look for the {replacement} version of the same model.",
        )
    if number > LARGEST_TYPE_NUMBER:
        damaged(f"tensor type {number}")
    unsupported(
        "The model file is quantized in a way that this version of LlamaDesk does not know.",
        "Choose another quantization of the model, such as Q4_K_M, or look for an update of LlamaDesk.",
        detail=f"tensor type {number}",
    )


def _aligned(position: int, alignment: int) -> int:
    return (position + alignment - 1) // alignment * alignment
