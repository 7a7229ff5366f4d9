"""What looks different under the mouse is painted anew as the mouse comes and goes, in any style."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import QEvent, QObject, QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QStyleFactory, QWidget
from pytestqt.qtbot import QtBot

from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.transcript.bars import ThinBar
from llamadesk.ui.transcript.blocks.buttons import QuietButton, RoundButton
from llamadesk.ui.transcript.look import Look

pytestmark = pytest.mark.allow_log("no font on this machine has")


class Paints(QObject):
    """Notes for each painting of a widget whether the mouse was over it."""

    def __init__(self) -> None:
        super().__init__()
        self.under_mouse: list[bool] = []

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint:
            assert isinstance(watched, QWidget)
            self.under_mouse.append(watched.underMouse())
        return False


@pytest.mark.parametrize(
    "make",
    [
        lambda parent: ThinBar(Qt.Orientation.Vertical, parent),
        lambda parent: QuietButton("Copy", "copy", parent),
        lambda parent: RoundButton("Jump to the end", "arrow-down", parent),
    ],
    ids=["bar", "quiet button", "round button"],
)
def test_the_mouse_comes_and_goes(qtbot: QtBot, make: Callable[[QWidget], ThinBar | QuietButton | RoundButton]) -> None:
    style = QStyleFactory.create("Windows")  # does not ask for it by itself, as Fusion does
    window = QWidget()
    qtbot.addWidget(window)
    window.resize(300, 300)
    widget = make(window)
    widget.setStyle(style)
    widget.set_look(Look(ThemeManager()))
    window.show()
    qtbot.waitExposed(window)
    QTest.mouseMove(window, QPoint(200, 250))
    qtbot.waitUntil(lambda: not widget.underMouse())
    paints = Paints()
    widget.installEventFilter(paints)
    QTest.mouseMove(widget)
    qtbot.waitUntil(lambda: True in paints.under_mouse)
    paints.under_mouse.clear()
    QTest.mouseMove(window, QPoint(200, 250))
    qtbot.waitUntil(lambda: False in paints.under_mouse)
