"""Everything that the header of a GGUF file says of itself, in short texts: the raw part of a model's page."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from llamadesk.core.gguf_cursor import Cursor, Number
from llamadesk.core.gguf_header import BOOL, FLOAT32, STRING, VALUE_TYPES, ListStart, Pair, PairReader, opened

_SHOWN_CHARACTERS: Final = 400
"""Of a text; what is read of a longer one is longer than that, too."""
LONGEST_TEXT: Final = 250_000
"""Characters of a text that is asked for whole: up to a megabyte, and many times the longest template known."""
TEMPLATE_KEY: Final = "tokenizer.chat_template"
"""Under which a file has its chat template."""
_SHOWN_ELEMENTS: Final = 8
_SHOWN_ELEMENT_CHARACTERS: Final = 40
_ELEMENTS: Final = {STRING: "text", BOOL: "value"}
"""What an element of a list is called; of the other types it is a number."""


class RawValue(msgspec.Struct, frozen=True):
    """One key of a header with its value, in one line of printable characters each.

    Attributes:
        key: such as "llama.block_count".
        type_name: in the words of the GGUF specification: "uint32", "string", "array of string".
        text: the value, shortened where it is long: "32,000 texts: <unk>, <s>, …". What cannot be printed, such as the
            end of a line, stands there as in Python: "\\n".
    """

    key: str
    type_name: str
    text: str


class LongText(msgspec.Struct, frozen=True):
    """A text of a header as it stands there, line ends and all.

    Attributes:
        text: its first LONGEST_TEXT characters at most.
        is_whole: whether that is all of it.
    """

    text: str
    is_whole: bool


def raw_values(path: Path) -> list[RawValue]:
    """What the GGUF file at `path` says of itself, in the order of the file. Its tensors need not be there.

    Raises:
        ProblemError: as `llamadesk.core.gguf_header.read_header`.
    """
    with opened(path) as (file, file_size):
        return raw_values_from(file, file_size)


def raw_values_from(source: BinaryIO, file_size: int) -> list[RawValue]:
    """The same of what `source` seeks and reads in, `file_size` bytes long or at least as long as its header.

    Raises:
        ProblemError: as `llamadesk.core.gguf_header.read_header_from`.
        OSError: or anything else that `source` raises.
    """
    pairs = PairReader(Cursor(source, file_size), _n_wanted)
    return [RawValue(_printable(pair.key), _type_name(pair), _text(pair)) for pair in pairs]


def long_text(path: Path, key: str) -> LongText | None:
    """The text under `key` in the GGUF file at `path`; None where there is none, or something else than a text.

    Raises:
        ProblemError: as `raw_values`, as far as the header is read: to that key.
    """
    with opened(path) as (file, file_size):
        # Four bytes are the most that a character takes: with one more of them, a text that is too long shows.
        longest_bytes = 4 * (LONGEST_TEXT + 1)
        pairs = PairReader(Cursor(file, file_size), lambda _key, _type: 0, lambda each: longest_bytes * (each == key))
        value = next((pair.value for pair in pairs if pair.key == key), None)
    if not isinstance(value, str):
        return None
    return LongText(value[:LONGEST_TEXT], len(value) <= LONGEST_TEXT)


def _n_wanted(_key: str, _element_type: int) -> int:
    return _SHOWN_ELEMENTS


def _type_name(pair: Pair) -> str:
    name = VALUE_TYPES[pair.type]
    return f"{name} of {VALUE_TYPES[pair.value.element_type]}" if isinstance(pair.value, ListStart) else name


def _text(pair: Pair) -> str:
    if not isinstance(pair.value, ListStart):
        return _value_text(pair.value, pair.type, _SHOWN_CHARACTERS)
    of_list = pair.value
    element = _ELEMENTS.get(of_list.element_type, "number")
    if not of_list.length:
        return f"no {element}s"
    shown = [_value_text(each, of_list.element_type, _SHOWN_ELEMENT_CHARACTERS) for each in of_list.first]
    if of_list.length > len(shown):
        shown.append("…")
    return f"{of_list.length:,} {element}{'' if of_list.length == 1 else 's'}: {', '.join(shown)}"


def _value_text(value: Number | str, value_type: int, n_characters: int) -> str:
    """A number, or the first `n_characters` of a text."""
    if isinstance(value, str):
        return _printable(value[:n_characters]) + ("…" if len(value) > n_characters else "")
    if isinstance(value, bool):
        return "true" if value else "false"
    if value_type == FLOAT32:
        return f"{value:.7g}"  # as many digits as it holds: 1e-05, not 9.999999747378752e-06
    return str(value)


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text)
