"""The engine's end of the pipe to the window.

Standard output carries frames and nothing else: the pipe keeps a private copy of it and points file descriptor 1 at
standard error, so that whatever native code prints lands in the log. Requests are read on a thread of their own, so
that Cancel is heard, and the window's death noticed, whatever the engine is busy with.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import NoReturn

from llamadesk.core.protocol import Event, ProtocolError, Request, encode, request_decoder

if sys.platform == "win32":
    import msvcrt

_log = logging.getLogger(__name__)
_STDIN, _STDOUT, _STDERR = 0, 1, 2
_READ_BYTES = 65536

EXIT_OK = 0
EXIT_PROTOCOL = 2
"""The window sent something that is no frame of ours."""


def end_process(code: int) -> NoReturn:
    """End this process at once, from any thread, even while native code is running in another one.

    Nothing is flushed: log handlers write through, and waiting for one here could wait for ever.
    """
    os._exit(code)


class Pipe:
    """Frames out, requests in. `send` may be called from any thread."""

    def __init__(self, read_fd: int, write_fd: int) -> None:
        """Own both file descriptors, which must be in binary mode. See `take_over_stdio`."""
        self._read_fd = read_fd
        self._write_fd = write_fd
        self._write_lock = threading.Lock()

    @classmethod
    def take_over_stdio(cls) -> Pipe:
        """Make standard input and output private to the protocol. Call once, before any native library is loaded."""
        read_fd, write_fd = os.dup(_STDIN), os.dup(_STDOUT)
        if sys.platform == "win32":
            msvcrt.setmode(read_fd, os.O_BINARY)
            msvcrt.setmode(write_fd, os.O_BINARY)
        os.dup2(_STDERR, _STDOUT)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, _STDIN)
        os.close(null)
        return cls(read_fd, write_fd)

    def start_reading(self, handle: Callable[[Request], None]) -> None:
        """Call `handle` with each request, on a thread of its own; it must return soon.

        The process ends when the window's end of the pipe is closed (code 0), at a malformed frame (EXIT_PROTOCOL) and
        when `handle` raises (code 1), for then no request would be heard any more.
        """
        threading.Thread(target=self._read, args=(handle,), name="requests", daemon=True).start()

    def send(self, event: Event) -> None:
        """Write one event whole. Where nobody reads any more, the process ends."""
        self.send_bytes(encode(event))

    def send_bytes(self, data: bytes) -> None:
        """Write bytes as they are, in one piece with regard to other senders."""
        view = memoryview(data)
        with self._write_lock:
            try:
                while view:
                    view = view[os.write(self._write_fd, view) :]
            except OSError as error:
                _log.warning("The window no longer reads (%s): ending", error.strerror)
                end_process(EXIT_OK)

    def _read(self, handle: Callable[[Request], None]) -> None:
        decoder = request_decoder()
        try:
            while data := os.read(self._read_fd, _READ_BYTES):
                for request in decoder.feed(data):
                    handle(request)
        except ProtocolError as error:
            # Its text may quote a message, so only the kind of trouble is logged.
            _log.error("Not a request of ours (%s): ending", type(error).__name__)
            end_process(EXIT_PROTOCOL)
        except OSError as error:
            _log.warning("The window's requests can no longer be read (%s): ending", error.strerror)
        except Exception:
            _log.exception("A request could not be handled: ending")
            end_process(1)
        end_process(EXIT_OK)
