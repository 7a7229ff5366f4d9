"""Pygments' lexers made to read a line at a time.

They are written to read a whole text. Here the stack of a lexer is kept at the end of each line, and what it would
match with one expression across lines (block comments, raw strings, scripts inside HTML) is carried over by hand.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple, Protocol

from pygments.lexer import ExtendedRegexLexer, Lexer, LexerContext, RegexLexer
from pygments.lexers import get_lexer_by_name
from pygments.lexers.data import YamlLexerContext
from pygments.token import Comment, Error, String, _TokenType

Token = tuple[int, _TokenType, str]
"""Where it starts in the line, what it is, its characters."""


class LineLexer(Protocol):
    """Reads one line after the other."""

    def start(self) -> Any:
        """The state before the first line. States are never changed."""

    def read(self, line: str, state: Any) -> tuple[list[Token], Any]:
        """The tokens of a line (without its line break), and the state after it."""


class _Opener(NamedTuple):
    """Something that goes on over lines until `closer`, and that a lexer matches only as a whole."""

    opener: str
    closer: str
    token: _TokenType


class _State(NamedTuple):
    """A lexer's stack; what is open over the end of the line; the state of the language inside this one."""

    stack: tuple[str, ...] = ("root",)
    open: _Opener | None = None
    inner: Any = None


_BLOCK_COMMENT: Final = _Opener("/*", "*/", Comment.Multiline)
_MARKUP_COMMENT: Final = _Opener("<!--", "-->", Comment.Multiline)
_WITH_BLOCK_COMMENTS: Final = (
    *("c", "cpp", "objective-c", "java", "javascript", "typescript", "jsx", "tsx", "rust", "kotlin", "scala"),
    *("swift", "dart", "php", "css", "scss", "less", "sql", "groovy"),
)
_OPENERS: Final[dict[str, tuple[_Opener, ...]]] = {
    **dict.fromkeys(_WITH_BLOCK_COMMENTS, (_BLOCK_COMMENT,)),
    **dict.fromkeys(("html", "xml", "vue", "markdown"), (_MARKUP_COMMENT,)),
    "go": (_BLOCK_COMMENT, _Opener("`", "`", String)),
    "csharp": (_BLOCK_COMMENT, _Opener('@"', '"', String)),
    "lua": (_Opener("--[[", "]]", Comment.Multiline), _Opener("[[", "]]", String)),
}
_INNER_LANGUAGES: Final = {"script-content": "javascript", "style-content": "css"}
_INNER_END: Final = re.compile(r"<\s*/\s*(?:script|style)\s*>", re.IGNORECASE)


class _RegexLineLexer:
    """For the lexers that are tables of expressions: nearly all."""

    def __init__(self, name: str, lexer: RegexLexer) -> None:
        self._lexer = lexer
        self._rules: Any = lexer._tokens  # what Pygments compiles them to
        self._openers = _OPENERS.get(name, ())
        self._inner = {
            state: line_lexer(language) for state, language in _INNER_LANGUAGES.items() if state in self._rules
        }
        self._start = _State(("root", "php")) if name == "php" else _State()  # most PHP in chats has no opening tag

    def start(self) -> _State:
        return self._start

    def read(self, line: str, state: _State) -> tuple[list[Token], _State]:
        text = line + "\n"
        tokens: list[Token] = []
        position = 0
        if state.open:
            end = text.find(state.open.closer)
            position = len(line) if end < 0 else end + len(state.open.closer)
            tokens.append((0, state.open.token, text[:position]))
            if end < 0:
                return tokens, state
        stack = list(state.stack)
        inner = state.inner
        for _ in range(20 * len(text) + 100):  # rules that match nothing could go round for ever
            if position >= len(text):
                break
            language = self._inner.get(stack[-1])
            if language:
                end_tag = _INNER_END.search(text, position)
                end = end_tag.start() if end_tag else len(line)
                found, inner = language.read(text[position:end], inner or language.start())
                tokens += ((position + start, token, value) for start, token, value in found)
                position = end
                if not end_tag:
                    break
                inner = None
            match, action, new_state = None, Error, None
            for matches, rule_action, rule_state in self._rules[stack[-1]]:
                match = matches(text, position)
                if match:
                    action, new_state = rule_action, rule_state
                    break
            if self._openers and (opened := self._opened(text, position, action)):
                tokens.append((position, opened.token, line[position:]))
                return tokens, _State(tuple(stack), opened, inner)
            if match is None:
                if text[position] == "\n":
                    stack = list(self._start.stack)
                position += 1
                continue
            if type(action) is _TokenType:
                tokens.append((position, action, match.group()))
            elif action is not None:
                tokens += action(self._lexer, match)
            position = match.end()
            _move(stack, new_state)
        return tokens, _State(tuple(stack), None, inner)

    def _opened(self, text: str, position: int, action: Any) -> _Opener | None:
        """What starts here and is not closed on this line; `action` is what the lexer makes of its beginning."""
        for opener in self._openers:
            if text.startswith(opener.opener, position) and text.find(opener.closer, position + len(opener.opener)) < 0:
                is_inside_string = type(action) is _TokenType and action in String and action is not String.Regex
                return None if is_inside_string else opener
        return None


def _move(stack: list[str], new_state: Any) -> None:
    """Change a lexer's stack by a rule's last part, which is in Pygments' own words."""
    if new_state is None:
        return
    if isinstance(new_state, int):
        del stack[max(1, len(stack) + new_state) :]
        return
    for state in new_state if isinstance(new_state, tuple) else (new_state,):
        if state == "#pop":
            del stack[max(1, len(stack) - 1) :]
        else:
            stack.append(stack[-1] if state == "#push" else state)


class _ContextLineLexer:
    """For the lexers that keep more than a stack, in a context of their own (YAML, Ruby)."""

    def __init__(self, name: str, lexer: ExtendedRegexLexer) -> None:
        self._lexer = lexer
        self._context = YamlLexerContext if name == "yaml" else LexerContext

    def start(self) -> LexerContext:
        return self._context("", 0)

    def read(self, line: str, state: LexerContext) -> tuple[list[Token], LexerContext]:
        context = copy.deepcopy(state)
        context.text = line + "\n"
        context.pos = 0
        context.end = len(context.text)
        return list(self._lexer.get_tokens_unprocessed(context=context)), context


class _SingleLineLexer:
    """For the other lexers (JSON, make): each line by itself."""

    def __init__(self, lexer: Lexer) -> None:
        self._lexer = lexer

    def start(self) -> None:
        return None

    def read(self, line: str, state: None) -> tuple[list[Token], None]:
        tokens: Iterator[Token] = self._lexer.get_tokens_unprocessed(line + "\n")
        return list(tokens), state


def line_lexer(name: str) -> LineLexer:
    """The lexer for what Pygments calls `name`. The first call for a language may take tens of milliseconds.

    Raises:
        ClassNotFound: Pygments does not know it.
    """
    lexer = get_lexer_by_name(name)
    if isinstance(lexer, ExtendedRegexLexer):
        return _ContextLineLexer(name, lexer)
    if isinstance(lexer, RegexLexer):
        return _RegexLineLexer(name, lexer)
    return _SingleLineLexer(lexer)
