"""How a message becomes bytes: a 4-byte little-endian length followed by that many bytes of JSON."""

from __future__ import annotations

import struct
from typing import Generic, TypeVar

import msgspec

from llamadesk.core.protocol.events import Event
from llamadesk.core.protocol.requests import Request

MAX_FRAME_BYTES = 64 * 1024 * 1024
"""A longer frame is not ours: the sender is broken, and the pipe can no longer be trusted."""


_LENGTH = struct.Struct("<I")


class ProtocolError(Exception):
    """The other side sent something that is no frame of ours."""


def encode(message: Request | Event) -> bytes:
    """One message as a frame. Raises ProtocolError where it is longer than MAX_FRAME_BYTES."""
    body = msgspec.json.encode(message)
    if len(body) > MAX_FRAME_BYTES:
        raise ProtocolError(f"message of {len(body)} bytes")
    return _LENGTH.pack(len(body)) + body


MessageT = TypeVar("MessageT")


class FrameDecoder(Generic[MessageT]):
    """Turns bytes, as they come, into messages of one side."""

    def __init__(self, decoder: msgspec.json.Decoder[MessageT]) -> None:
        self._decoder = decoder
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[MessageT]:
        """The messages that are whole now.

        Raises:
            ProtocolError: a length is out of bounds or a body is not a message; the stream cannot be read any further.
        """
        self._buffer += data
        messages: list[MessageT] = []
        start = 0
        while len(self._buffer) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer, start)
            if length > MAX_FRAME_BYTES:
                raise ProtocolError(f"frame of {length} bytes")
            end = start + _LENGTH.size + length
            if len(self._buffer) < end:
                break
            body = memoryview(self._buffer)[start + _LENGTH.size : end]
            try:
                messages.append(self._decoder.decode(body))
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise ProtocolError(str(error)) from error
            finally:
                body.release()
            start = end
        del self._buffer[:start]
        return messages


def request_decoder() -> FrameDecoder[Request]:
    """A decoder for what the engine reads."""
    return FrameDecoder[Request](msgspec.json.Decoder(Request))


def event_decoder() -> FrameDecoder[Event]:
    """A decoder for what the window reads."""
    return FrameDecoder[Event](msgspec.json.Decoder(Event))
