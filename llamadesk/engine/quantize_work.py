"""The process that lets llama.cpp quantize: whatever a file or a full disk does to it, `llamadesk.engine.quantize`,
which starts and watches it, is not there.

It also has what llama.cpp lacks: it can be stopped, by being killed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NoReturn

import msgspec

from llamadesk.engine.pipe import EXIT_OK, Pipe, end_process

WORK_FLAG: Final = "--quantize-work"
"""The argument after `--engine` that starts the process, followed by an `Order` as JSON."""


class Order(msgspec.Struct, frozen=True):
    """What to do.

    Attributes:
        source: absolute path of the model's file.
        folder, name: where the new file is written; the name is ASCII.
        file_type: llama.cpp's number of the quantization.
        texts: values to add to the header.
        n_threads: that compute; 0 for as many as the processor has.
    """

    source: str
    folder: str
    name: str
    file_type: int
    texts: dict[str, str]
    n_threads: int


class Begun(msgspec.Struct, frozen=True, tag=True):
    """A tensor is begun, the `number`-th (from 1) of `n_tensors`."""

    number: int
    n_tensors: int
    name: str


class Ended(msgspec.Struct, frozen=True, tag=True):
    """The last line; `errors` is what llama.cpp said where it could not, and else empty."""

    errors: tuple[str, ...] = ()


Report = Begun | Ended
"""What the process writes on its output, each as a line of JSON."""


def main(order: str) -> NoReturn:
    """The process. It ends with its input, so that it outlives nobody."""
    asked = msgspec.json.decode(order, type=Order)
    pipe = Pipe.take_over_stdio()
    pipe.start_reading(lambda _: None)
    from llamadesk.engine import native  # noqa: PLC0415 - in this process alone
    from llamadesk.engine.backends import Backends, library_folder  # noqa: PLC0415
    from llamadesk.engine.trial import crash_quietly  # noqa: PLC0415

    def say(report: Report) -> None:
        pipe.send_bytes(msgspec.json.encode(report) + b"\n")

    def take_line(line: str) -> None:
        begun = native.TensorBegun.from_log(line)
        if begun is not None:
            say(Begun(*begun))

    crash_quietly()
    log = native.NativeLog(take_line)
    Backends(library_folder()).load_cpu()  # without a processor llama.cpp maps no file
    native.start_library()
    os.chdir(asked.folder)
    try:
        native.quantize(Path(asked.source), asked.name, asked.file_type, asked.texts, asked.n_threads)
    except native.NativeQuantizeError:
        say(Ended(tuple(log.errors) or ("no reason was given",)))
    else:
        say(Ended())
    end_process(EXIT_OK)
