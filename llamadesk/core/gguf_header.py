"""Reads the header of a GGUF file: what it says of itself, and where its tensors lie.

Pure Python, and in no more time and memory than an honest file needs, whatever a hostile one claims: counts are bounded
before anything is read, lists of tokens are stepped over, and text is kept only so far. The file is read, not mapped: a
mapped file that shrinks while it is read (a download that restarts, a stick that is pulled out) would end the process.

Only what llama.cpp itself accepts is accepted: version 2 and 3, little-endian, tensors one after the other.
"""

from __future__ import annotations

import stat
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, NoReturn, cast

from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.core.ggml_types import LARGEST_TYPE_NUMBER, TENSOR_TYPES, WITHDRAWN_TENSOR_TYPES, TensorType
from llamadesk.core.sizes import part_text

Number = bool | int | float
Value = Number | str | tuple[int, ...]

MAGIC: Final = b"GGUF"
OLD_MAGICS: Final = frozenset({b"lmgg", b"fmgg", b"tjgg", b"algg", b"ggml", b"ggmf", b"ggjt", b"ggla"})
"""GGML, GGMF, GGJT and GGLA: a little-endian number each, so that the letters are turned round in the file."""

_CHUNK_BYTES: Final = 256 * 1024
_MAX_HEADER_BYTES: Final = 128 * 1024 * 1024  # the longest known have about 30 MB
_MAX_KEYS: Final = 2048
_MAX_TENSORS: Final = 16_384  # those of the largest mixtures of experts number a few thousand
_MAX_ARRAY_STRINGS: Final = (
    2_000_000  # of the whole file; the largest vocabularies have about 260,000, and as many merges
)
_MAX_KEY_BYTES: Final = 1024
_MAX_TENSOR_NAME_BYTES: Final = 63  # GGML_MAX_NAME, less the zero
_MAX_DIMENSIONS: Final = 4
_MAX_ELEMENTS: Final = 2**48
_KEPT_TEXT_BYTES: Final = 4096
_KEPT_ARRAY_LENGTH: Final = 512  # llama.cpp knows no model with more layers
_ARRAYS_BY_LAYER: Final = (".attention.head_count", ".attention.head_count_kv", ".feed_forward_length")
_DEFAULT_ALIGNMENT: Final = 32
_MAX_ALIGNMENT: Final = 2**20

_U32: Final = struct.Struct("<I")
_U64: Final = struct.Struct("<Q")
_STRING: Final = 8
_ARRAY: Final = 9
_SCALARS: Final[Mapping[int, struct.Struct]] = {
    number: struct.Struct("<" + letter)
    for number, letter in {
        0: "B",
        1: "b",
        2: "H",
        3: "h",
        4: "I",
        5: "i",
        6: "f",
        7: "?",
        10: "Q",
        11: "q",
        12: "d",
    }.items()
}
_INTEGER_TYPES: Final = frozenset({0, 1, 2, 3, 4, 5, 10, 11})


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
    """

    values: Mapping[str, Value]
    array_lengths: Mapping[str, int]
    tensors: tuple[Tensor, ...]


def read_header(path: Path) -> Header:
    """The header of the GGUF file at `path`.

    Raises:
        ProblemError: MODEL_MISSING, MODEL_UNREADABLE, MODEL_NOT_GGUF, MODEL_OLD_FORMAT, MODEL_UNSUPPORTED or
            MODEL_DAMAGED (also where the file is cut short).
    """
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            _fail(
                ProblemCode.MODEL_NOT_GGUF, "This is a folder, not a model file.", "Choose a file that ends in .gguf."
            )
        if not stat.S_ISREG(status.st_mode):
            # a pipe or a device might never answer
            _fail(ProblemCode.MODEL_NOT_GGUF, "This is not a file.", "Choose a file that ends in .gguf.")
        with path.open("rb", buffering=0) as file:
            return _HeaderReader(_Cursor(file, status.st_size)).read()
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


def _fail(code: ProblemCode, title: str, advice: str, detail: str = "") -> NoReturn:
    raise ProblemError(Problem(code, title, advice, detail))


def _damaged(detail: str) -> NoReturn:
    _fail(ProblemCode.MODEL_DAMAGED, "The model file is damaged or incomplete.", "Download it again.", detail)


class _Cursor:
    """Walks forward through a header, a chunk of it in memory at a time. Going past the end is damage."""

    def __init__(self, file: BinaryIO, file_size: int) -> None:
        self._file = file
        self.file_size = file_size
        self._end = min(file_size, _MAX_HEADER_BYTES)
        self._chunk = b""
        self._chunk_start = 0  # of the chunk, in the file
        self._at = 0  # in the chunk

    @property
    def position(self) -> int:
        """Bytes from the start of the file."""
        return self._chunk_start + self._at

    def take(self, n_bytes: int) -> bytes:
        """The next `n_bytes`, at most a chunk of them."""
        if self._at + n_bytes > len(self._chunk):
            self._refill(n_bytes)
        start = self._at
        self._at += n_bytes
        return self._chunk[start : self._at]

    def number(self, form: struct.Struct) -> Number:
        """The next number, of any form."""
        (value,) = form.unpack(self.take(form.size))
        return cast(Number, value)

    def u32(self) -> int:
        """The next number of 4 bytes."""
        return int(self.number(_U32))

    def u64(self) -> int:
        """The next number of 8 bytes."""
        return int(self.number(_U64))

    def skip(self, n_bytes: int) -> None:
        """Steps over `n_bytes`."""
        if n_bytes > self._end - self.position:
            _damaged(f"{n_bytes} bytes at {self.position} reach past the end of the header")
        self._at += n_bytes  # may lie beyond the chunk: the next take reads there

    def skip_strings(self, count: int) -> None:
        """Steps over `count` strings, each a length of 8 bytes and its text. This is where the time goes: a vocabulary
        has tens of thousands of them."""
        unpack_from = _U64.unpack_from
        while count:
            chunk, at = self._chunk, self._at
            last = len(chunk) - _U64.size
            while count and at <= last:
                at += _U64.size + unpack_from(chunk, at)[0]
                count -= 1
            self._at = at
            if self.position > self._end:
                _damaged("a list of texts reaches past the end of the header")
            if count:
                self._refill(_U64.size)

    def _refill(self, n_bytes: int) -> None:
        position = self.position
        if n_bytes > self._end - position:
            _damaged(f"the header ends at {self._end}; {n_bytes} bytes were expected at {position}")
        self._file.seek(position)
        chunk = self._file.read(max(n_bytes, _CHUNK_BYTES))
        while len(chunk) < n_bytes:  # a file system may give less than was asked for
            more = self._file.read(n_bytes - len(chunk))
            if not more:
                _damaged("the file became shorter while it was read")
            chunk += more
        self._chunk, self._chunk_start, self._at = chunk, position, 0


class _HeaderReader:
    """Reads one header, from the magic to the end of the list of tensors."""

    def __init__(self, cursor: _Cursor) -> None:
        self._cursor = cursor
        self._strings_left = _MAX_ARRAY_STRINGS
        self._values: dict[str, Value] = {}
        self._array_lengths: dict[str, int] = {}

    def read(self) -> Header:
        self._read_magic()
        n_tensors, n_keys = self._cursor.u64(), self._cursor.u64()
        if n_keys > _MAX_KEYS or n_tensors > _MAX_TENSORS:
            _damaged(f"{n_tensors} tensors and {n_keys} keys are claimed")
        for _ in range(n_keys):
            self._read_pair()
        tensors = self._read_tensors(n_tensors)
        return Header(self._values, self._array_lengths, tensors)

    def _read_magic(self) -> None:
        cursor = self._cursor
        if cursor.file_size == 0:
            _fail(ProblemCode.MODEL_DAMAGED, "The model file is empty.", "Download it again.")
        magic = cursor.take(min(4, cursor.file_size))
        if magic in OLD_MAGICS:
            _fail(
                ProblemCode.MODEL_OLD_FORMAT,
                "This is an older GGML file, from before August 2023, which LlamaDesk cannot read.",
                "Look for a GGUF version of the same model.",
                detail=f"magic {magic!r}",
            )
        if magic != MAGIC:
            _fail(
                ProblemCode.MODEL_NOT_GGUF,
                "This is not a model in the GGUF format.",
                "Choose a file that ends in .gguf; most models are offered in this format too.",
                detail=f"magic {magic!r}",
            )
        version = cursor.u32()
        if version in (2, 3):
            return
        if version & 0xFFFF == 0 and version:
            _unsupported(
                "This model file is made for big-endian computers.", "Look for the usual little-endian version."
            )
        if version == 1:
            _unsupported(
                "This model file is in the first version of GGUF, which is no longer read.", "Download a newer one."
            )
        if version == 0 or version > LARGEST_TYPE_NUMBER:
            _damaged(f"version {version}")
        _unsupported("This model file is in a newer format than LlamaDesk knows.", "Look for an update of LlamaDesk.")

    def _read_pair(self) -> None:
        key = self._text(_MAX_KEY_BYTES)
        if key in self._values or key in self._array_lengths:
            _damaged(f"the key {key!r} is there twice")
        value_type = self._cursor.u32()
        if value_type == _ARRAY:
            self._read_array(key)
        elif value_type == _STRING:
            self._values[key] = self._value_text()
        elif value_type in _SCALARS:
            self._values[key] = self._cursor.number(_SCALARS[value_type])
        else:
            _damaged(f"{key!r} has the unknown type {value_type}")

    def _read_array(self, key: str) -> None:
        element_type, count = self._cursor.u32(), self._cursor.u64()
        self._array_lengths[key] = count
        if element_type == _STRING:
            self._strings_left -= count
            if self._strings_left < 0:
                _damaged(f"{key!r} claims {count} texts")
            self._cursor.skip_strings(count)
        elif element_type in _SCALARS:
            form = _SCALARS[element_type]
            if count <= _KEPT_ARRAY_LENGTH and element_type in _INTEGER_TYPES and key.endswith(_ARRAYS_BY_LAYER):
                self._values[key] = struct.unpack(f"<{count}{form.format[-1]}", self._cursor.take(form.size * count))
            else:
                self._cursor.skip(form.size * count)
        else:  # an array of arrays too: llama.cpp does not read those
            _damaged(f"{key!r} is a list of the type {element_type}")

    def _text(self, longest: int) -> str:
        length = self._cursor.u64()
        if length > longest:
            _damaged(f"a name of {length} bytes at {self._cursor.position}")
        try:
            return self._cursor.take(length).decode("utf-8")
        except UnicodeDecodeError as error:
            _damaged(f"a name is not UTF-8: {error}")

    def _value_text(self) -> str:
        length = self._cursor.u64()
        kept = min(length, _KEPT_TEXT_BYTES)
        text = self._cursor.take(kept).decode("utf-8", errors="replace")
        self._cursor.skip(length - kept)
        return text

    def _read_tensors(self, count: int) -> tuple[Tensor, ...]:
        alignment = self._values.get("general.alignment", _DEFAULT_ALIGNMENT)
        if (
            not isinstance(alignment, int)
            or not 0 < alignment <= _MAX_ALIGNMENT
            or alignment & (alignment - 1)  # not a power of two
        ):
            _damaged(f"alignment {alignment!r}")
        tensors: dict[str, Tensor] = {}
        data_end = expected_offset = 0
        for _ in range(count):
            tensor, offset = self._read_tensor()
            if tensor.name in tensors:
                _damaged(f"the tensor {tensor.name!r} is there twice")
            if offset != expected_offset:
                _damaged(f"the tensor {tensor.name!r} is at {offset} and not at {expected_offset}")
            tensors[tensor.name] = tensor
            data_end = offset + tensor.n_bytes
            expected_offset = _aligned(data_end, alignment)
        file_end = _aligned(self._cursor.position, alignment) + data_end
        if count and file_end > self._cursor.file_size:
            _fail(
                ProblemCode.MODEL_DAMAGED,
                f"The file is incomplete: {part_text(self._cursor.file_size, file_end)} are here.",
                "Download it again.",
                detail=f"{self._cursor.file_size} of {file_end} bytes",
            )
        return tuple(tensors.values())

    def _read_tensor(self) -> tuple[Tensor, int]:
        """The next tensor, and its offset in the data."""
        cursor = self._cursor
        name = self._text(_MAX_TENSOR_NAME_BYTES)
        n_dimensions = cursor.u32()
        if not 1 <= n_dimensions <= _MAX_DIMENSIONS:
            _damaged(f"the tensor {name!r} has {n_dimensions} dimensions")
        shape = tuple(cursor.u64() for _ in range(n_dimensions))
        n_elements = 1
        for length in shape:
            n_elements *= length
        type_number, offset = cursor.u32(), cursor.u64()
        tensor_type = _tensor_type(type_number)
        if not 0 < n_elements <= _MAX_ELEMENTS or shape[0] % tensor_type.block_elements:
            _damaged(f"the tensor {name!r} has the shape {shape} in {tensor_type.name}")
        n_bytes = n_elements // tensor_type.block_elements * tensor_type.block_bytes
        return Tensor(name, tensor_type, shape, n_elements, n_bytes), offset


def _unsupported(title: str, advice: str, detail: str = "") -> NoReturn:
    _fail(ProblemCode.MODEL_UNSUPPORTED, title, advice, detail)


def _tensor_type(number: int) -> TensorType:
    known = TENSOR_TYPES.get(number)
    if known is not None:
        return known
    withdrawn = WITHDRAWN_TENSOR_TYPES.get(number)
    if withdrawn is not None:
        name, replacement = withdrawn
        _unsupported(
            f"The model file is quantized as {name}, which is no longer in use.",
            f"Look for the {replacement} version of the same model.",
        )
    if number > LARGEST_TYPE_NUMBER:
        _damaged(f"tensor type {number}")
    _unsupported(
        "The model file is quantized in a way that this version of LlamaDesk does not know.",
        "Choose another quantization of the model, such as Q4_K_M, or look for an update of LlamaDesk.",
        detail=f"tensor type {number}",
    )


def _aligned(position: int, alignment: int) -> int:
    return (position + alignment - 1) // alignment * alignment
