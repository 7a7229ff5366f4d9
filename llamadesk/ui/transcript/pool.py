"""Widgets that are used again: making one costs more than filling it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from PySide6.QtWidgets import QApplication, QWidget

from llamadesk.ui.transcript.blocks.base import BlockWidget
from llamadesk.ui.transcript.blocks.chrome import FootWidget, HeadWidget, RuleWidget
from llamadesk.ui.transcript.blocks.code import CodeWidget
from llamadesk.ui.transcript.blocks.folds import MemoryWidget, ThoughtWidget
from llamadesk.ui.transcript.blocks.table import TableWidget
from llamadesk.ui.transcript.blocks.text import TextWidget
from llamadesk.ui.transcript.group import MessageGroup
from llamadesk.ui.transcript.pieces import Kind

_MAKERS: dict[Kind, Callable[[QWidget], BlockWidget]] = {
    Kind.MEMORY: MemoryWidget,
    Kind.HEAD: HeadWidget,
    Kind.THOUGHT: ThoughtWidget,
    Kind.TEXT: TextWidget,
    Kind.CODE: CodeWidget,
    Kind.TABLE: TableWidget,
    Kind.RULE: RuleWidget,
    Kind.FOOT: FootWidget,
}
_Widget = TypeVar("_Widget", bound=QWidget)
_KEPT = 24
"""Free widgets of one kind that are kept; the rest are deleted."""


class Pool:
    """Free widgets by kind. They wait, hidden, in a widget that is never shown."""

    def __init__(self, attic: QWidget, refuge: QWidget) -> None:
        """`attic` holds the free ones; `refuge` gets the keyboard's focus when the widget that has it is put away."""
        self._attic = attic
        self._refuge = refuge
        self._blocks: dict[Kind, list[BlockWidget]] = {kind: [] for kind in _MAKERS}
        self._groups: list[MessageGroup] = []

    def block(self, kind: Kind, group: QWidget) -> BlockWidget:
        """A widget for a piece of `kind` in `group`, not shown yet."""
        free = self._blocks[kind]
        if not free:
            return _MAKERS[kind](group)
        widget = free.pop()
        widget.setParent(group)
        return widget

    def group(self, canvas: QWidget) -> MessageGroup:
        """A group for a message, not shown yet."""
        if not self._groups:
            return MessageGroup(canvas)
        group = self._groups.pop()
        group.setParent(canvas)
        return group

    def give_block(self, kind: Kind, widget: BlockWidget) -> None:
        """A widget is not needed any more."""
        widget.forget()
        self._put_away(widget, self._blocks[kind])

    def give_group(self, group: MessageGroup) -> None:
        """A group is not needed any more; its blocks were given back before."""
        group.forget()
        self._put_away(group, self._groups)

    def _put_away(self, widget: _Widget, free: list[_Widget]) -> None:
        focus = QApplication.focusWidget()
        if focus is not None and widget.isAncestorOf(focus):
            self._refuge.setFocus()
        widget.hide()
        if len(free) < _KEPT:
            widget.setParent(self._attic)
            free.append(widget)
        else:
            widget.setParent(None)
            widget.deleteLater()
