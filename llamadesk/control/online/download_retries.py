"""Downloads that failed for a reason that passes are gone on with by themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QObject, QTimer, Slot

from llamadesk.core.downloads import DownloadEntry
from llamadesk.core.errors import Problem, ProblemCode
from llamadesk.state.downloads import DownloadListModel
from llamadesk.state.hub import HubState

_AGAIN_MS: Final = 5 * 60 * 1000
_AGAIN_WORDS: Final = "LlamaDesk tries again by itself every few minutes."
_PASSES: Final = frozenset({ProblemCode.NETWORK_FAILED, ProblemCode.HUB_BUSY})
_REFUSED: Final = frozenset({ProblemCode.HUB_GATED, ProblemCode.HUB_TOKEN})


class DownloadRetries(QObject):
    """A transfer is patient for some minutes. After that, what failed because of the network or a busy hub is tried
    every few minutes, and what the hub refused as soon as the person has entered a token.

    Args:
        state: the downloads.
        hub: tells of the token.
        go_on: with a download that has failed.
        offline: the network stays refused for as long as the app runs, so that there is no use in trying.
    """

    def __init__(
        self,
        state: DownloadListModel,
        hub: HubState,
        go_on: Callable[[DownloadEntry], None],
        *,
        offline: bool,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._hub = hub
        self._go_on = go_on
        self._offline = offline
        self._timer = QTimer(self, singleShot=True, interval=_AGAIN_MS)
        self._timer.timeout.connect(self._try_what_passes)
        hub.token_changed.connect(self._on_token)

    def plan(self, problem: Problem) -> str:
        """One has failed for that reason; what is done about it, in words, "" for nothing."""
        if self._offline or problem.code not in _PASSES:
            return ""
        if not self._timer.isActive():
            self._timer.start()
        return _AGAIN_WORDS

    def end(self) -> None:
        """Nothing is tried any more."""
        self._timer.stop()

    @Slot()
    def _try_what_passes(self) -> None:
        self._go_on_after(_PASSES)

    @Slot()
    def _on_token(self) -> None:
        if self._hub.has_token:
            self._go_on_after(_REFUSED)

    def _go_on_after(self, codes: frozenset[ProblemCode]) -> None:
        for entry in self._state.entries():
            if entry.status.problem is not None and entry.status.problem.code in codes:
                self._go_on(entry)
