"""Renders chat templates in a process of its own, for a template is code from the internet.

Jinja's sandbox keeps a template from reaching anything, but not from running for ever or filling the memory, and
nothing within the same interpreter could stop `9 ** 9 ** 9`. `llamadesk.engine.renderer` starts this process, and kills
it. It speaks JSON lines: one `RenderRequest` in, one `RenderReply` out.
"""

from __future__ import annotations

import datetime
import faulthandler
import json
import os
import sys
from collections.abc import Callable
from functools import lru_cache
from typing import BinaryIO, NoReturn

import msgspec
from jinja2 import Template, TemplateError, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from llamadesk.engine.renderer import READY, TIME_LIMIT_SECONDS, RenderReply, RenderRequest


class _Generation(Extension):
    """Accepts `{% generation %}`, by which some templates mark the model's own words for training."""

    tags = {"generation"}

    def parse(self, parser: Parser) -> list[nodes.Node]:
        """The body, as if the tag were not there."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _raise_exception(message: str) -> NoReturn:
    raise TemplateError(message)


def _strftime_now(form: str) -> str:
    return datetime.datetime.now().strftime(form)


def _tojson(value: object, ensure_ascii: bool = False, indent: int | None = None, sort_keys: bool = False) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, sort_keys=sort_keys)


@lru_cache(maxsize=2)
def _compile(source: str) -> Template:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols", _Generation]
    )
    environment.filters["tojson"] = _tojson
    environment.globals |= {"raise_exception": _raise_exception, "strftime_now": _strftime_now}
    return environment.from_string(source)


def render(request: RenderRequest) -> RenderReply:
    """Render a template as the libraries do for which templates are written. Bounded in size, not in time or memory."""
    parts: list[str] = []
    size = 0
    try:
        for part in _compile(request.template).generate(
            messages=request.messages,
            bos_token=request.bos,
            eos_token=request.eos,
            add_generation_prompt=True,
            tools=None,
            documents=None,
        ):
            size += len(part)
            if size > request.max_chars:
                return RenderReply(error="output too long")
            parts.append(part)
    except Exception as error:  # whatever a stranger's code may raise
        message = str(error)
        # Only words of the template itself are repeated: others may be the person's.
        known = isinstance(error, TemplateError) and message in request.template
        return RenderReply(error=f"{type(error).__name__}: {message[:200]}" if known else type(error).__name__)
    return RenderReply(text="".join(parts))


def serve(requests: BinaryIO, write: Callable[[bytes], object]) -> None:
    """Answer until `requests` ends. A render that takes too long ends the process, whatever it is doing."""
    decoder, encoder = msgspec.json.Decoder(RenderRequest), msgspec.json.Encoder()
    write(READY)
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123
        for line in requests:
            # Kept by a thread of C, which needs no lock of the interpreter. It also ends an orphan.
            faulthandler.dump_traceback_later(TIME_LIMIT_SECONDS, exit=True, file=nowhere)
            reply = render(decoder.decode(line))
            faulthandler.cancel_dump_traceback_later()
            write(encoder.encode(reply) + b"\n")


def main() -> int:
    """The process: requests on standard input, replies on standard output."""

    def write(data: bytes) -> None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    try:
        serve(sys.stdin.buffer, write)
    except BrokenPipeError:
        os._exit(0)  # the engine is gone; closing standard output would raise again
    return 0
