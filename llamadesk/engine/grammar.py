"""The grammar that a reply has to fit: the person's own, or the one of their JSON schema."""

from __future__ import annotations

import logging
import subprocess
from functools import lru_cache
from typing import Final

import msgspec

from llamadesk.core.errors import ProblemError
from llamadesk.core.grammars import (
    MAX_GRAMMAR_CHARS,
    grammar_problem,
    grammar_unusable,
    schema_problem,
    schema_unusable,
)
from llamadesk.core.protocol import Sampling
from llamadesk.engine.children import start_child

SCHEMA_FLAG: Final = "--schema"
"""The argument after `--engine` that starts `llamadesk.engine.schema` instead of an engine."""

_TIME_LIMIT_SECONDS: Final = 15.0
"""A schema that a person writes takes milliseconds; the rest is for the start of a process on a busy machine."""
_log = logging.getLogger(__name__)


class Conversion(msgspec.Struct, frozen=True):
    """What became of a schema: the grammar in GBNF, or why there is none."""

    grammar: str = ""
    error: str = ""


def grammar_for(sampling: Sampling) -> str:
    """The GBNF grammar that `sampling` asks for; "" for none.

    Raises:
        ProblemError: GRAMMAR_INVALID.
    """
    if sampling.json_schema.strip():
        return _grammar_of_schema(sampling.json_schema)
    if not sampling.grammar.strip():
        return ""
    if problem := grammar_problem(sampling.grammar):
        raise ProblemError(grammar_unusable(problem))
    return sampling.grammar


@lru_cache(maxsize=4)
def _grammar_of_schema(schema: str) -> str:
    if problem := schema_problem(schema):
        raise ProblemError(schema_unusable(problem))
    conversion = _convert(schema)
    if conversion.error:
        raise ProblemError(schema_unusable("It asks for something that LlamaDesk does not know.", conversion.error))
    if len(conversion.grammar) > MAX_GRAMMAR_CHARS or grammar_problem(conversion.grammar):
        raise ProblemError(schema_unusable("It is too large.", grammar_problem(conversion.grammar)))
    return conversion.grammar


def _convert(schema: str) -> Conversion:
    process = start_child(SCHEMA_FLAG, stderr=subprocess.DEVNULL)
    with process:
        try:
            output, _ = process.communicate(schema.encode(), timeout=_TIME_LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            _log.warning("A JSON schema took too long to be turned into a grammar and was given up")
            output = b""
        finally:
            process.kill()
    try:
        return msgspec.json.decode(output, type=Conversion)
    except msgspec.DecodeError:  # it was killed, or ran out of memory
        return Conversion(error="no answer")
