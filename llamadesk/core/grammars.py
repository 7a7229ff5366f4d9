"""What is wrong with a JSON schema or a GBNF grammar, as far as that can be known without the engine.

Also their bounds: the engine's parsers are recursive and native code trusts them, so what is nested or counted without
end is refused here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

from llamadesk.core.errors import Problem, ProblemCode

MAX_DEPTH: Final = 600
"""Parentheses within one another in a grammar; one repetition that a schema counts needs a pair."""
MAX_SCHEMA_COUNT: Final = 500
"""The highest number of times that a schema may ask for something (a length, a number of items)."""
MAX_GRAMMAR_CHARS: Final = 1_000_000
_MAX_SCHEMA_DEPTH: Final = 60

_COUNTS: Final = ("minLength", "maxLength", "minItems", "maxItems")
_DATA: Final = ("const", "enum", "default", "examples")  # hold no schemas
_GBNF: Final = re.compile(
    r"(?P<skip>[ \t\r\n]+|\#[^\n]*)|(?P<text>\"(?:\\.|[^\"\\])*\"|\[(?:\\.|[^\]\\])*\]|!?<[^>\n]*>)"
    r"|(?P<name>[A-Za-z0-9-]+)(?P<defines>\s*::=)?|(?P<open>\()|(?P<close>\))|(?P<times>\{[\d\s,]*\}|[|*+?.])",
    re.DOTALL,
)


def grammar_unusable(why: str, detail: str = "") -> Problem:
    """What a grammar that cannot be used ends a reply in; `why` is a sentence for a person."""
    return _unusable("The grammar in the settings cannot be used.", why, detail)


def schema_unusable(why: str, detail: str = "") -> Problem:
    """What a JSON schema that cannot be used ends a reply in; `why` is a sentence for a person."""
    return _unusable("The JSON schema in the settings cannot be used.", why, detail)


def _unusable(title: str, why: str, detail: str) -> Problem:
    return Problem(ProblemCode.GRAMMAR_INVALID, title, f"{why} Correct it under More sampling, or empty it.", detail)


def grammar_problem(grammar: str) -> str:
    """What is wrong with a GBNF grammar, in a sentence; "" for nothing that can be seen from outside.

    An empty text is no grammar, and nothing is wrong with it.
    """
    if not grammar.strip():
        return ""
    if len(grammar) > MAX_GRAMMAR_CHARS:
        return "It is too long."
    defined: set[str] = set()
    used: dict[str, int] = {}
    depth, position = 0, 0
    while position < len(grammar):
        found = _GBNF.match(grammar, position)
        line = grammar.count("\n", 0, position) + 1 if found is None or found.lastgroup != "skip" else 0
        if found is None:
            return f"Line {line}: {_unread(grammar[position])}"
        position = found.end()
        if found["defines"]:
            if depth:
                return f"Line {line}: a bracket before it is not closed."
            defined.add(found["name"])
        elif found["name"]:
            used.setdefault(found["name"], line)
        elif found["open"]:
            depth += 1
            if depth > MAX_DEPTH:
                return f"Line {line}: too many brackets within one another."
        elif found["close"]:
            depth -= 1
            if depth < 0:
                return f'Line {line}: a ")" without its "(".'
    if depth:
        return 'A "(" is not closed.'
    for name, line in used.items():
        if name not in defined:
            return f'Line {line}: there is no rule "{name}".'
    return "" if "root" in defined else 'There is no rule "root", with which a grammar begins.'


def _unread(character: str) -> str:
    return {'"': "a text is not closed.", "[": 'a "[" is not closed.'}.get(
        character, f'"{character}" means nothing there.'
    )


def schema_problem(schema: str) -> str:
    """What is wrong with a JSON schema, in a sentence; "" for nothing that can be seen from outside.

    An empty text is no schema, and nothing is wrong with it.
    """
    if not schema.strip():
        return ""
    try:
        root = json.loads(schema)
    except json.JSONDecodeError as error:
        return f"Line {error.lineno}, column {error.colno}: this is not JSON ({error.msg})."
    except (RecursionError, ValueError):
        return "It is nested too deeply, or holds a number that is too long."
    if not isinstance(root, dict):
        return 'A schema is a JSON object: it begins with "{".'
    return next(_schema_problems(root, 0), "")


def _schema_problems(node: object, depth: int) -> Iterator[str]:
    if depth > _MAX_SCHEMA_DEPTH:
        yield "It is nested too deeply."
    elif isinstance(node, list):
        for item in node:
            yield from _schema_problems(item, depth + 1)
    elif isinstance(node, dict):
        yield from _keyword_problems(node)
        for key, value in node.items():
            if key == "properties" and isinstance(value, dict):  # whose keys are names, and no keywords
                for item in value.values():
                    yield from _schema_problems(item, depth + 1)
            elif key not in _DATA:
                yield from _schema_problems(value, depth + 1)


def _keyword_problems(node: dict[str, object]) -> Iterator[str]:
    reference, pattern = node.get("$ref"), node.get("pattern")
    if isinstance(reference, str) and not reference.startswith("#/"):
        yield f'"{reference}": only what is in the schema itself ("#/…") can be referred to.'
    if isinstance(pattern, str):
        if not (pattern.startswith("^") and pattern.endswith("$")):
            yield f'"{pattern}": a pattern has to begin with "^" and end with "$".'
        if any(int(count) > MAX_SCHEMA_COUNT for count in re.findall(r"\d{1,9}", pattern)):
            yield f'"{pattern}": at most {MAX_SCHEMA_COUNT} can be counted.'
    for name in _COUNTS:
        count = node.get(name)
        if isinstance(count, int) and count > MAX_SCHEMA_COUNT:
            yield f'"{name}": at most {MAX_SCHEMA_COUNT} can be counted.'
