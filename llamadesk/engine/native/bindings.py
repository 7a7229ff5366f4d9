"""The low-level bindings, imported without the rest of their package."""

from __future__ import annotations

import importlib.util
import os
import sys
from types import ModuleType


def _skip_package_code() -> None:
    """Let `llama_cpp.llama_cpp` be imported without the package's own __init__.

    That one imports the high-level classes, and with them numpy and more: 0.2 s for nothing that is used here.
    """
    spec = importlib.util.find_spec("llama_cpp")
    if spec is None or spec.submodule_search_locations is None:
        return  # the import below says what is wrong
    package = ModuleType("llama_cpp")
    package.__path__ = list(spec.submodule_search_locations)
    package.__spec__ = spec
    sys.modules.setdefault("llama_cpp", package)


os.environ["GGML_NO_BACKTRACE"] = "1"  # an assertion of ggml would start a debugger if it found one
_skip_package_code()

from llama_cpp import llama_cpp as lib  # noqa: E402

__all__ = ["grammar_of_schema", "lib", "text_of"]


def text_of(data: bytes | None) -> str:
    """What llama.cpp gave as a C string; "" for NULL."""
    return (data or b"").decode(errors="replace")


def grammar_of_schema(schema: str) -> str:
    """The GBNF grammar of a JSON schema, by llama-cpp-python's converter, which trusts its input: a wrong schema may
    raise anything, take for ever or fill the memory."""
    from llama_cpp.llama_grammar import json_schema_to_gbnf  # noqa: PLC0415 - for one kind of process only

    return str(json_schema_to_gbnf(schema))
