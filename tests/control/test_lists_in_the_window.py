"""The dialog of one's own lists of models on a real desk: a list from an address, a broken one, and the way back."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from catalogue_entries import LICENCE
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot
from small_server import SmallServer, says, web_server

from llamadesk.ui.library.list_card import ListCard
from llamadesk.ui.library.lists_dialog import ListsDialog
from llamadesk.ui.theme import ThemeManager
from tests.control.catalogue_desk import TINY, opened
from tests.control.desk_driver import DeskDriver

__all__ = ["web_server"]

pytestmark = pytest.mark.qt_log_ignore(r"raise\(\)|propagateSizeHints")  # the offscreen platform cannot


def press(parent: QWidget, name: str) -> None:
    (found,) = (each for each in parent.findChildren(QPushButton) if name in (each.accessibleName(), each.text()))
    found.click()


def counts(dialog: ListsDialog) -> list[str]:
    """What the lists that are shown say of their models."""
    shown = [card for card in dialog.findChildren(ListCard) if card.isVisible()]
    return [each.text() for card in shown for each in card.findChildren(QLabel) if each.text().endswith(("el", "els"))]


def told(dialog: ListsDialog) -> list[str]:
    return [card.notice.text for card in dialog.notices.cards]


@pytest.mark.allow_log("catalogue_unreadable")
def test_a_list_is_fetched_again_removed_and_had_back(
    driver: DeskDriver, web_server: SmallServer, qtbot: QtBot
) -> None:
    desk = opened(driver)
    dialog = ListsDialog(desk, ThemeManager())
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    qtbot.addWidget(dialog)
    dialog.show()

    def answers(*models: object) -> None:
        web_server.answer = says(json.dumps({"models": models, "licences": [LICENCE]}).encode())

    def until(condition: Callable[[], object]) -> None:
        """Something is so and nothing goes on: what does may take a step between two runs of the loop, without one."""
        driver.until(lambda: condition() and not (desk.catalogue._timer.isActive() or desk.catalogue._is_working))

    web_server.answer = says(b"<html>")
    dialog.address.setText(web_server.address)
    press(dialog, "Add")
    until(lambda: told(dialog))
    assert "cannot be read" in told(dialog)[0]
    assert counts(dialog) == [] and dialog.address.text() == web_server.address
    answers(TINY)
    press(dialog, "Add")
    until(lambda: counts(dialog) == ["1 model"])
    assert dialog.address.text() == ""
    answers(TINY, TINY | {"id": "second"})
    press(dialog, "Fetch release.json again")
    until(lambda: counts(dialog) == ["2 models"])
    press(dialog, "Remove release.json")
    until(lambda: counts(dialog) == [] and len(told(dialog)) == 2)
    assert desk.catalogue.state.model("second") is None
    press(dialog.notices, "Undo")
    until(lambda: counts(dialog) == ["2 models"])
    assert desk.catalogue.state.model("second") is not None
    assert len(told(dialog)) == 1 and len(web_server.requests) == 3
