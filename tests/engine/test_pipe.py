from __future__ import annotations

import subprocess
import sys

from llamadesk.core.protocol import CountTokens, TokenCount, encode, event_decoder
from llamadesk.engine.pipe import EXIT_OK, EXIT_PROTOCOL

PROGRAM = """
import os, sys, threading
from llamadesk.core.protocol import TokenCount
from llamadesk.engine.pipe import Pipe
pipe = Pipe.take_over_stdio()
os.write(1, b"native noise")
print("python noise", flush=True)
assert os.read(0, 1) == b""
def handle(request):
    if request.id == 13:
        raise RuntimeError("a bug")
    pipe.send(TokenCount(request.id, len(request.text)))
pipe.start_reading(handle)
while True:  # busy, as an engine is
    sum(range(1000))
"""


def run(requests: bytes) -> tuple[bytes, bytes, int]:
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM], check=False, input=requests, capture_output=True, timeout=60
    )
    return process.stdout, process.stderr, process.returncode


def test_only_frames_reach_the_window_and_the_process_ends_with_its_input() -> None:
    out, noise, code = run(encode(CountTokens(5, "four")) + encode(CountTokens(6, "")))
    assert event_decoder().feed(out) == [TokenCount(5, 4), TokenCount(6, 0)]
    assert b"native noise" in noise
    assert b"python noise" in noise
    assert code == EXIT_OK


def test_garbage_ends_the_process_with_a_code_of_its_own() -> None:
    _, noise, code = run(b"This is no frame, nor will it ever be one.")
    assert code == EXIT_PROTOCOL
    assert b"Not a request of ours" in noise
    assert b"no frame" not in noise


def test_a_frame_that_is_no_request_says_nothing_of_its_text() -> None:
    frame = b'{"type":"Generate","id":1,"turns":"my secret"}'
    _, noise, code = run(len(frame).to_bytes(4, "little") + frame)
    assert code == EXIT_PROTOCOL
    assert b"secret" not in noise


def test_a_handler_that_raises_ends_the_process() -> None:
    _, noise, code = run(encode(CountTokens(13, "")))
    assert code == 1
    assert b"a bug" in noise
