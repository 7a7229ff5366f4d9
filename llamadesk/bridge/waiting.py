"""The requests whose turn has not come."""

from __future__ import annotations

from collections import deque

from llamadesk.bridge.endings import Work
from llamadesk.core.protocol import Background, Load, RequestId, Unload


class Waiting:
    """Requests in the order they came; background work waits for all others."""

    def __init__(self) -> None:
        self._requests: deque[Work] = deque()

    def __bool__(self) -> bool:
        """Whether any waits."""
        return bool(self._requests)

    @property
    def has_load(self) -> bool:
        """Whether a model is going to be loaded."""
        return any(isinstance(request, Load) for request in self._requests)

    @property
    def begins_with_load(self) -> bool:
        """Whether the oldest request is a load."""
        return bool(self._requests) and isinstance(self._requests[0], Load)

    def add(self, request: Work) -> None:
        """Behind all others."""
        self._requests.append(request)

    def put_first(self, request: Work) -> None:
        """Before all others."""
        self._requests.appendleft(request)

    def take(self) -> Work:
        """The one whose turn it is; there must be one."""
        requests = self._requests
        chosen = next((request for request in requests if not isinstance(request, Background)), requests[0])
        requests.remove(chosen)
        return chosen

    def take_back(self, request_id: RequestId) -> Work | None:
        """Let go of a request that the person stops; an Unload cannot be. None where it does not wait."""
        found = next((r for r in self._requests if r.id == request_id and not isinstance(r, Unload)), None)
        if found is not None:
            self._requests.remove(found)
        return found

    def take_all(self, kind: type[Work] | None = None) -> list[Work]:
        """Let go of every request, or every one of a kind."""
        taken = [request for request in self._requests if kind is None or isinstance(request, kind)]
        self._requests = deque(request for request in self._requests if request not in taken)
        return taken
