"""The window of models on the real desk: every page opens, on this computer's own models and the real catalogue."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtWidgets import QLabel, QListWidget, QPushButton, QTableView

from llamadesk.core.fit import Verdict
from llamadesk.ui.library.pages import LISTED
from llamadesk.ui.library.suggestion_card import SuggestionCard
from tests.process.window_driver import WindowDriver

pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints", r"raise\(\)")  # the offscreen platform cannot

STARTER = "smollm2-135m-instruct"
"""The id in the catalogue of the model that comes with the app."""


@pytest.fixture
def window(make_window_driver: Callable[[Path], WindowDriver], tmp_path: Path) -> WindowDriver:
    window = make_window_driver(tmp_path / "data")
    window.open()
    return window


def test_every_page_opens_and_leads_on(window: WindowDriver) -> None:
    window.window.show_library()
    library, desk, until = window.window.library, window.desk, window.driver.until
    assert library is not None
    until(lambda: desk.catalogue.state.suggestions and desk.catalogue.state.best)
    assert len(library.findChildren(SuggestionCard)) == len(desk.catalogue.state.suggestions)
    for row in range(len(LISTED)):
        library.findChild(QListWidget).setCurrentRow(row)
        window.driver.run(window.settled())
        window.check_alive()
    models = desk.catalogue.state.catalogue.models
    library.show_page("compare")
    table = library.findChild(QTableView)
    assert table.model().rowCount() == len(models)
    assert {table.model().index(row, 1).data() for row in range(len(models))} <= {each.value for each in Verdict}

    assert STARTER in desk.catalogue.state.here
    library.show_family(STARTER)
    until(lambda: desk.catalogue.state.family is not None and desk.catalogue.state.family.key == STARTER)
    name = desk.catalogue.state.model(STARTER).name
    assert name in {label.text() for label in library.findChildren(QLabel) if label.isVisible()}
    library.show_model(desk.models.chosen.path)
    window.driver.run(window.settled())
    library.go_back()
    library.go_back()
    assert table.isVisible()
    window.check_alive()
    window.close()  # while the loop runs, which what is still being looked at needs


def test_a_licence_is_asked_about_once(window: WindowDriver) -> None:
    """Nothing is asked of any hub: that comes after the licence."""
    window.window.show_library("compare")
    desk, library = window.desk, window.window.library
    window.driver.until(lambda: desk.catalogue.state.best)
    desk.catalogue.download("llama-2-7b-chat", "Q4_0")

    def buttons() -> dict[str, QPushButton]:
        return {button.text(): button for button in library.findChildren(QPushButton) if button.isVisible()}

    window.driver.until(lambda: "I accept" in buttons())
    assert not desk.catalogue.is_accepted("llama2") and not desk.downloads.state.entries()
    buttons()["Not now"].click()
    window.driver.run(window.settled())
    assert not desk.catalogue.is_accepted("llama2")
    library.show_licence("llama-2-7b-chat")
    assert "I accept" not in buttons()
    buttons()["Close"].click()
    window.close()
