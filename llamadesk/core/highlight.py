"""Colours for code, a line at a time, by Pygments: work is bounded, and a new line costs one line.

The language is what the fence says; it is never guessed from the code.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterable
from enum import StrEnum
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple

from pygments.token import (
    Comment,
    Generic,
    Keyword,
    Literal,
    Name,
    Number,
    Operator,
    String,
    _TokenType,
)
from pygments.util import ClassNotFound

from llamadesk.core.line_lexers import LineLexer, Token, line_lexer

log = logging.getLogger(__name__)

MAX_LINES: Final = 5_000
"""Lines after this one get no colours."""
MAX_LINE_LENGTH: Final = 2_000
"""A longer line gets no colours."""


class Kind(StrEnum):
    """What a piece of code is; pieces that are none of these have no run."""

    KEYWORD = "keyword"
    FUNCTION = "function"
    TYPE = "type"
    STRING = "string"
    NUMBER = "number"
    COMMENT = "comment"
    OPERATOR = "operator"
    INSERTED = "inserted"
    DELETED = "deleted"


class Run(NamedTuple):
    """`length` characters (of a Python str) from `start` of a line are of one kind."""

    start: int
    length: int
    kind: Kind


_KINDS: Final[dict[_TokenType, Kind]] = {
    Comment: Kind.COMMENT,
    Comment.Preproc: Kind.KEYWORD,
    Comment.PreprocFile: Kind.STRING,
    Keyword: Kind.KEYWORD,
    Keyword.Type: Kind.TYPE,
    Keyword.Constant: Kind.NUMBER,
    Name.Function: Kind.FUNCTION,
    Name.Class: Kind.TYPE,
    Name.Exception: Kind.TYPE,
    Name.Namespace: Kind.TYPE,
    Name.Builtin: Kind.FUNCTION,
    Name.Builtin.Pseudo: Kind.KEYWORD,
    Name.Decorator: Kind.FUNCTION,
    Name.Tag: Kind.KEYWORD,
    Name.Attribute: Kind.FUNCTION,
    Name.Constant: Kind.NUMBER,
    Number: Kind.NUMBER,
    String: Kind.STRING,
    Literal: Kind.STRING,
    Operator: Kind.OPERATOR,
    Operator.Word: Kind.KEYWORD,
    Generic.Heading: Kind.KEYWORD,
    Generic.Subheading: Kind.TYPE,
    Generic.Inserted: Kind.INSERTED,
    Generic.Deleted: Kind.DELETED,
    Generic.Prompt: Kind.COMMENT,
}

_ALIASES: Final = {
    "sh": "bash",
    "shell": "bash",
    "zsh": "bash",
    "console": "bash",
    "shell-session": "bash",
    "shellsession": "bash",
    "terminal": "bash",
    "py": "python",
    "py3": "python",
    "python3": "python",
    "pycon": "python",
    "js": "javascript",
    "mjs": "javascript",
    "node": "javascript",
    "jsx": "javascript",
    "ts": "typescript",
    "tsx": "typescript",
    "c++": "cpp",
    "cc": "cpp",
    "hpp": "cpp",
    "h": "c",
    "cs": "csharp",
    "c#": "csharp",
    "f#": "fsharp",
    "rs": "rust",
    "golang": "go",
    "rb": "ruby",
    "kt": "kotlin",
    "yml": "yaml",
    "md": "markdown",
    "ps1": "powershell",
    "ps": "powershell",
    "htm": "html",
    "svg": "xml",
    "jsonc": "json",
    "json5": "json",
    "dockerfile": "docker",
    "makefile": "make",
    "patch": "diff",
    "objectivec": "objective-c",
    "objc": "objective-c",
    "asm": "nasm",
    "tex": "latex",
    "plaintext": "",
    "text": "",
    "txt": "",
    "plain": "",
    "output": "",
    "none": "",
}
_LANGUAGE_NAME: Final = re.compile(r"[\w+#.-]{1,40}")


class Highlighter:
    """The colours of one piece of code that may still grow.

    Lines are read from the first one on, as far as somebody asks for (some 70 us each); what was read is kept.
    """

    def __init__(self, language: str) -> None:
        """`language` as the fence names it; "" or an unknown one gives no colours."""
        self._lexer = _lexer(language_label(language))
        self._text = ""
        self._last_start = 0  # where the last line begins
        self._lines = [""]
        self._runs: list[tuple[Run, ...]] = []
        self._states: list[Any] = [self._lexer.start()] if self._lexer else []  # before each line, and after the last

    def update(self, text: str) -> int:
        """Take `text` (the whole code) in place of the text so far. Returns the first line whose runs may have changed;
        with text that was only added, that is the line that was last before."""
        grown = text.startswith(self._text)
        first_changed = len(self._lines) - 1 if grown else 0
        self._lines[first_changed:] = text[self._last_start if grown else 0 :].split("\n")
        self._text = text
        self._last_start = len(text) - len(self._lines[-1])
        del self._runs[first_changed:]
        del self._states[first_changed + 1 :]
        return first_changed

    @property
    def n_lines(self) -> int:
        """Lines of the text."""
        return len(self._lines)

    def runs(self, line: int) -> tuple[Run, ...]:
        """The runs of a line (0 is the first), in order, without overlap; gaps are plain.

        Raises:
            IndexError: there is no such line.
        """
        if not 0 <= line < len(self._lines):
            raise IndexError(line)
        if self._lexer is None or line >= MAX_LINES:
            return ()
        while len(self._runs) <= line:
            self._read_line(self._lexer)
        return self._runs[line]

    def read_ahead(self, line: int, seconds: float) -> bool:
        """Read on towards `line` for about so long. Returns whether `runs(line)` costs nothing now; a view that was
        taken far down into long code shows it plain until then."""
        until = time.perf_counter() + seconds
        last = min(line, len(self._lines) - 1, MAX_LINES - 1)
        while self._lexer and len(self._runs) <= last:
            if time.perf_counter() >= until:
                return False
            self._read_line(self._lexer)
        return True

    def _read_line(self, lexer: LineLexer) -> None:
        number = len(self._runs)
        runs, state = _read(lexer, self._lines[number], self._states[number])
        self._runs.append(runs)
        self._states.append(state)


def language_label(language: str) -> str:
    """A fence's language as the header of a code block shows it: "python" for py, "bash" for sh, "" for none."""
    match = _LANGUAGE_NAME.search(language.strip().lower().removeprefix("language-"))
    name = match.group().strip(".") if match else ""
    return _ALIASES.get(name, name)


def preload(languages: Iterable[str]) -> None:
    """Load the lexers of `languages`, so that their first use does not stall (20 to 47 ms each). For idle moments."""
    for language in languages:
        _lexer(language_label(language))


def utf16_runs(text: str, runs: Iterable[Run]) -> tuple[Run, ...]:
    """`runs` of the line `text` with start and length in UTF-16 code units, as Qt counts."""
    if text.isascii() or max(text) < "\U00010000":
        return tuple(runs)
    units = [0]
    for character in text:
        units.append(units[-1] + (2 if character >= "\U00010000" else 1))
    return tuple(Run(units[start], units[start + length] - units[start], kind) for start, length, kind in runs)


@lru_cache(maxsize=64)
def _lexer(label: str) -> LineLexer | None:
    if not label:
        return None
    try:
        return line_lexer(label)
    except ClassNotFound:
        return None


def _read(lexer: LineLexer, line: str, state: Any) -> tuple[tuple[Run, ...], Any]:
    """The runs of a line and the state after it."""
    if len(line) > MAX_LINE_LENGTH:
        return (), state
    try:
        tokens, after = lexer.read(line, state)
    except Exception as error:  # hundreds of lexers of others, and colours are not worth a code block
        log.warning("a line of code could not be coloured: %s", type(error).__name__)
        return (), state
    return _runs_of(tokens, len(line)), after


def _runs_of(tokens: Iterable[Token], line_length: int) -> tuple[Run, ...]:
    """Neighbours of one kind as one run; nothing beyond the line's end."""
    runs: list[Run] = []
    for start, token, value in tokens:
        kind = _kind(token)
        end = min(start + len(value), line_length)
        if kind is None or end <= start:
            continue
        if runs and runs[-1].kind is kind and runs[-1].start + runs[-1].length == start:
            runs[-1] = Run(runs[-1].start, end - runs[-1].start, kind)
        elif not runs or start >= runs[-1].start + runs[-1].length:
            runs.append(Run(start, end - start, kind))
    return tuple(runs)


@cache
def _kind(token: _TokenType) -> Kind | None:
    """The kind of a token type or of the nearest type that it is part of."""
    while token is not None and token not in _KINDS:
        token = token.parent
    return _KINDS.get(token)
