"""What the person is told: a trouble, or something done that can be undone."""

from __future__ import annotations

import logging
from collections.abc import Callable
from enum import StrEnum

import msgspec
from PySide6.QtCore import QObject, Signal

from llamadesk.core.errors import Problem

_log = logging.getLogger(__name__)


class NoticeKind(StrEnum):
    """How grave a notice is."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Notice(msgspec.Struct, frozen=True):
    """One notice. Where it has an `action_label`, the view offers it as a button and calls `Notices.act(action_id)`.
    One that only informs goes by itself unless it `stays`."""

    kind: NoticeKind
    text: str
    detail: str = ""
    action_label: str = ""
    action_id: str = ""
    stays: bool = False


class Notices(QObject):
    """Passes notices to the views; keeps those that came before there was one."""

    posted = Signal(object)
    """The Notice to show."""
    dismissed = Signal(object)
    """The Notice was dealt with in one view: it goes from all."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._waiting: list[Notice] | None = []
        self._actions: dict[str, Callable[[], None]] = {}
        self._next_action = 1

    def attach(self) -> None:
        """A view is connected to `posted` now: it gets what has waited."""
        waiting, self._waiting = self._waiting or [], None
        for notice in waiting:
            self.posted.emit(notice)

    def post(
        self,
        kind: NoticeKind,
        text: str,
        *,
        detail: str = "",
        action_label: str = "",
        action: Callable[[], None] | None = None,
        stays: bool = False,
    ) -> None:
        """Tell the person `text`, with a button `action_label` that does `action`; see `Notice` for `stays`."""
        action_id = ""
        if action is not None:
            action_id = str(self._next_action)
            self._next_action += 1
            self._actions[action_id] = action
        notice = Notice(kind, text, detail, action_label, action_id, stays)
        if self._waiting is None:
            self.posted.emit(notice)
        else:
            self._waiting.append(notice)

    def problem(
        self,
        problem: Problem,
        *,
        kind: NoticeKind = NoticeKind.ERROR,
        action_label: str = "",
        action: Callable[[], None] | None = None,
    ) -> None:
        """Tell the person of a trouble; its details go to the log as well."""
        _log.warning("%s: %s [%s]", problem.code, problem.title, problem.detail)
        self.post(kind, problem.text, detail=problem.detail, action_label=action_label, action=action)

    def dismiss(self, notice: Notice) -> None:
        """The person has closed a notice, or done what it offered."""
        self.dismissed.emit(notice)

    def act(self, action_id: str) -> None:
        """Do what a notice offered, once."""
        action = self._actions.pop(action_id, None)
        if action is not None:
            action()
