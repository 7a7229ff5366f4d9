"""Which licences the person has accepted: asked once, and kept."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import msgspec

from llamadesk.control.rooms import Rooms
from llamadesk.core.errors import ProblemError
from llamadesk.state.catalogue import CatalogueState

_PREFIX = "licence/"


class Acceptance(msgspec.Struct, frozen=True):
    """What the store keeps of a licence that was accepted: when, in milliseconds since 1970."""

    accepted_at: int


class Licences:
    """Shows in `state.accepted` what was accepted.

    Args:
        rooms: the store keeps it.
        state: shows it.
        clock: seconds since 1970.
    """

    def __init__(self, rooms: Rooms, state: CatalogueState, clock: Callable[[], float] = time.time) -> None:
        self._rooms = rooms
        self._state = state
        self._clock = clock
        self._has_begun = False

    async def begin(self) -> None:
        """Read what was accepted before, once."""
        if self._has_begun:
            return
        with contextlib.suppress(ProblemError):  # the store logs it; at worst the person is asked once more
            kept = await self._rooms.store.learned_under(_PREFIX, Acceptance)
            earlier = {key.removeprefix(_PREFIX): acceptance.accepted_at for key, acceptance in kept.items()}
            self._state.set_accepted(earlier | dict(self._state.accepted))
            self._has_begun = True

    def accept(self, licence_id: str) -> None:
        """The person accepts a licence now."""
        acceptance = Acceptance(int(self._clock() * 1000))
        self._state.set_accepted(dict(self._state.accepted) | {licence_id: acceptance.accepted_at})
        key = _PREFIX + licence_id
        self._rooms.keeping.keep_soon(key, lambda: self._rooms.store.learn(key, acceptance), words=False)
