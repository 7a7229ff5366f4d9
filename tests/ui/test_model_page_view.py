"""The page of a model file, as a person works it: on a real desk with real files (the engine is scripted)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import qasync
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QAbstractButton, QLabel, QLineEdit, QPlainTextEdit, QPushButton, QSpinBox, QWidget
from pytestqt.qtbot import QtBot
from tiny_models import TinyModel, write_tiny_llama

from llamadesk.control.desk import Desk
from llamadesk.core.model_page import CheckStage
from llamadesk.core.paths import DataFolders
from llamadesk.core.settings import CONTEXT_LENGTH, SYSTEM_PROMPT, TEMPERATURE, Theme
from llamadesk.state.engine import Phase
from llamadesk.ui.fields import PausedText
from llamadesk.ui.library.model_page import ModelPage
from llamadesk.ui.settings_pane import SettingsPane
from llamadesk.ui.theme import ThemeManager
from tests.control.desk_driver import DeskDriver

pytestmark = pytest.mark.qt_log_ignore(r"raise\(\)|propagateSizeHints")  # the offscreen platform cannot


@pytest.fixture
def driver(loop: qasync.QEventLoop, data_folders: DataFolders, tmp_path: Path) -> Iterator[DeskDriver]:
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    driver = DeskDriver(loop, data_folders, scripts)
    yield driver
    driver.close_all()
    assert not driver.bugs


@pytest.fixture
def model(data_folders: DataFolders) -> Path:
    """A model in LlamaDesk's own folder; the starter model is the one in use."""
    data_folders.models.mkdir(parents=True)
    tiny = TinyModel(extra_strings={"general.license": "apache-2.0", "general.author": "<b>Somebody</b>"})
    return write_tiny_llama(data_folders.models / "tiny-F16.gguf", tiny)


@pytest.fixture
def desk(driver: DeskDriver, model: Path) -> Desk:
    desk = driver.open(driver.fake({"lives": [{}]}))
    driver.until(lambda: desk.engine.status.phase is Phase.READY)
    return desk


@pytest.fixture
def theme(qapp: object) -> Iterator[ThemeManager]:
    theme = ThemeManager()
    yield theme
    theme.set_theme(Theme.SYSTEM)


@pytest.fixture
def page(desk: Desk, driver: DeskDriver, theme: ThemeManager, model: Path) -> Iterator[ModelPage]:
    page = ModelPage(desk, theme)
    page.resize(820, 900)
    page.show()
    show(page, driver, desk, model)
    yield page
    page.close()
    page.deleteLater()


def show(page: ModelPage, driver: DeskDriver, desk: Desk, path: Path) -> None:
    page.show_model(path)
    state = desk.model_pages.state
    driver.until(lambda: state.path == path and (state.page or state.problem))


def texts(widget: QWidget) -> list[str]:
    return [label.text() for label in widget.findChildren(QLabel) if label.isVisibleTo(widget) and label.text()]


def button(widget: QWidget, words: str) -> QPushButton:
    (found,) = [each for each in widget.findChildren(QPushButton) if each.text() == words and each.isVisibleTo(widget)]
    return found


def test_what_it_says(page: ModelPage) -> None:
    said = texts(page)
    for words in ("Tiny", "tiny-F16.gguf", "apache-2.0", "512 tokens, about a page", "It was not loaded here yet."):
        assert words in said
    assert "<b>Somebody</b>" in said  # as it stands there, never as markup
    assert all(label.textFormat() is Qt.TextFormat.PlainText for label in page.findChildren(QLabel) if label.text())


def test_all_that_can_be_worked_has_a_name(page: ModelPage) -> None:
    kinds = (QAbstractButton, QLineEdit, QPlainTextEdit, QSpinBox)
    worked = [each for kind in kinds for each in page.findChildren(kind) if each.isVisibleTo(page)]
    unnamed = [
        each
        for each in worked
        if each.focusPolicy() is not Qt.FocusPolicy.NoFocus
        and not isinstance(each.parent(), QSpinBox)
        and not QAccessible.queryAccessibleInterface(each).text(QAccessible.Text.Name)
    ]
    assert not [each for each in unnamed if not each.objectName().startswith("qt_")]
    assert page.header.table.accessibleName()


@pytest.mark.parametrize("width", [330, 820, 1300])
def test_it_is_no_wider_than_its_room(page: ModelPage, width: int, qtbot: QtBot) -> None:
    page.resize(width, 700)
    qtbot.waitUntil(lambda: page._scroll.horizontalScrollBar().maximum() == 0)
    column = page.findChild(QWidget, "column")
    assert column is not None
    assert column.width() <= width
    for card in (each for each in page.findChildren(QWidget, "card") if each.isVisibleTo(page)):
        assert card.mapTo(column, card.rect().topRight()).x() < column.width()


def test_the_model_is_used(page: ModelPage, desk: Desk, driver: DeskDriver, model: Path, qtbot: QtBot) -> None:
    button(page, "Use").click()
    driver.until(lambda: desk.models.chosen is not None and desk.models.chosen.path == model)
    with qtbot.waitSignal(page.chat_asked):
        button(page, "Go to the chat").click()


def test_what_is_found_in_the_header(page: ModelPage) -> None:
    model = page.header.table.model()
    everything = model.rowCount()
    assert everything > 15
    page.header.search.setText("LICENSE")
    assert model.rowCount() == 1
    assert [model.index(0, column).data() for column in range(3)] == ["general.license", "apache-2.0", "string"]
    page.header.table.selectRow(0)
    page.header.copy()
    assert QGuiApplication.clipboard().text() == "general.license = apache-2.0"
    page.header.search.setText("nothing is called so")
    assert model.rowCount() == 0
    assert f"0 of {everything} entries" in texts(page)


def test_own_values_are_taken_shown_and_let_go_of(page: ModelPage, desk: Desk, driver: DeskDriver) -> None:
    own = desk.model_pages.own_defaults
    shown = desk.model_pages.state.page
    assert shown is not None
    rows = page._own.rows
    box, edit = rows[TEMPERATURE].control, rows[SYSTEM_PROMPT].control
    assert isinstance(edit, PausedText)
    assert box.value() == 0.7  # type: ignore[attr-defined]
    assert not page._own.reset.isVisibleTo(page)
    box.setValue(0.2)  # type: ignore[attr-defined]
    edit.setPlainText("Be brief.")
    edit.settle()
    assert own.of(shown.file) == {TEMPERATURE: 0.2, SYSTEM_PROMPT: "Be brief."}
    assert "This model's own. In the settings: 0.7." in texts(page)
    desk.preferences.set(TEMPERATURE, 0.9)
    assert box.value() == 0.2  # type: ignore[attr-defined]
    rows[TEMPERATURE].back.click()
    assert box.value() == 0.9  # type: ignore[attr-defined]
    page._own.reset.click()
    assert not own.of(shown.file)
    assert edit.toPlainText() == desk.settings.get(SYSTEM_PROMPT, str)
    context = rows[CONTEXT_LENGTH].control
    assert isinstance(context, QSpinBox) and context.maximum() == 512
    assert context.text() == "Automatic"


def test_a_prompt_that_was_just_typed_is_not_lost_to_another_page(
    page: ModelPage, desk: Desk, driver: DeskDriver, model: Path, starter_model: Path
) -> None:
    first = desk.model_pages.state.page
    assert first is not None
    edit = page._own.rows[SYSTEM_PROMPT].control
    assert isinstance(edit, PausedText)
    edit.setPlainText("For the tiny one.")
    show(page, driver, desk, starter_model)
    second = desk.model_pages.state.page
    assert second is not None
    assert desk.model_pages.own_defaults.of(first.file) == {SYSTEM_PROMPT: "For the tiny one."}
    assert not desk.model_pages.own_defaults.of(second.file)
    assert edit.toPlainText() == desk.settings.get(SYSTEM_PROMPT, str)


def test_the_settings_pane_tells_what_the_model_has_of_its_own(
    page: ModelPage, desk: Desk, driver: DeskDriver, theme: ThemeManager
) -> None:
    pane = SettingsPane(desk, theme)
    chosen = desk.models.chosen
    assert chosen is not None

    async def look() -> None:
        await desk.model_pages.page(chosen.path)

    driver.run(look())
    desk.model_pages.own_defaults.set(chosen, TEMPERATURE, 0.2)
    desk.model_pages.own_defaults.set(chosen, CONTEXT_LENGTH, 1024)
    assert any("has its own: 0.2" in text for text in texts(pane.rows[TEMPERATURE]))
    context = pane.rows[CONTEXT_LENGTH]
    assert any("has its own: 1024" in text for text in texts(context))
    assert not context.control.isEnabled()
    desk.model_pages.own_defaults.reset(chosen)
    assert not any("has its own" in text for text in texts(pane))
    assert context.control.isEnabled()
    pane.deleteLater()


def test_a_check_from_beginning_to_end(page: ModelPage, desk: Desk, driver: DeskDriver) -> None:
    state = desk.model_pages.state
    button(page, "Verify").click()
    driver.until(lambda: state.check is not None and state.check.stage is not CheckStage.READING)
    assert state.check is not None and state.check.stage is CheckStage.UNKNOWN
    hashes = [each.text() for each in page._check.findChildren(QLineEdit) if each.isVisibleTo(page)]
    assert hashes == [state.check.hashes[0].sha256]
    assert button(page, "Verify").isEnabled()


def test_the_template_is_shown_on_request(page: ModelPage) -> None:
    card = page._template
    assert not card.text.isVisibleTo(page)
    card.toggle.click()
    assert card.text.isVisibleTo(page)
    assert "<|im_start|>" in card.text.toPlainText()
    card.toggle.click()
    assert not card.text.isVisibleTo(page)


def test_it_is_asked_before_a_file_goes(
    page: ModelPage, desk: Desk, driver: DeskDriver, model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    (tmp_path / "share").mkdir()
    button(page, "Move to trash…").click()
    assert page._question.isVisibleTo(page)
    button(page, "Keep it").click()
    assert not page._question.isVisibleTo(page)
    assert model.exists()
    went: list[bool] = []
    page.back_asked.connect(lambda: went.append(True))
    button(page, "Move to trash…").click()
    button(page, "Move to trash").click()
    driver.until(lambda: went)
    assert not model.exists()
    assert os.listdir(tmp_path / "share" / "Trash" / "files") == [model.name]  # noqa: PTH208


def test_what_may_not_go_says_why(page: ModelPage, desk: Desk, driver: DeskDriver, starter_model: Path) -> None:
    show(page, driver, desk, starter_model)
    trash = button(page, "Move to trash…")
    assert not trash.isEnabled()
    assert "came with LlamaDesk" in trash.accessibleDescription()


def test_the_folder_is_shown(page: ModelPage, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()))
    button(page, "Show in folder").click()
    assert opened == [str(model.parent)]


def test_a_file_that_is_gone_is_told(page: ModelPage, desk: Desk, driver: DeskDriver, model: Path) -> None:
    show(page, driver, desk, model.with_name("gone.gguf"))
    said = texts(page)
    assert any("not there any more" in text for text in said)
    assert not page._body.isVisibleTo(page)
    assert not page._actions.isVisibleTo(page)
    show(page, driver, desk, model)
    assert page._body.isVisibleTo(page)


def test_it_follows_the_theme(page: ModelPage, theme: ThemeManager) -> None:
    theme.set_theme(Theme.LIGHT)
    light = page.grab().toImage().pixelColor(4, 4)
    theme.set_theme(Theme.DARK)
    assert page.grab().toImage().pixelColor(4, 4).lightness() < light.lightness()
    theme.set_zoom(200)
    page.grab()
    theme.set_zoom(100)


@pytest.mark.allow_log("model_damaged")
def test_a_damaged_file_can_be_shown_in_its_folder_and_go(
    page: ModelPage, desk: Desk, driver: DeskDriver, model: Path
) -> None:
    broken = model.with_name("broken.gguf")
    broken.write_bytes(b"GGUF" + b"\xff" * 500)
    show(page, driver, desk, broken)
    said = texts(page)
    assert "This file cannot be used" in said and "broken.gguf" in said
    assert any("damaged" in text for text in said)
    offered = {each.text() for each in page._actions.findChildren(QPushButton) if each.isVisibleTo(page)}
    assert offered == {"Show in folder", "Move to trash…"}
    button(page, "Move to trash…").click()
    assert any("Move “broken.gguf” to the trash?" in text for text in texts(page))


def test_the_ways_to_its_family_and_its_licence(
    page: ModelPage, desk: Desk, driver: DeskDriver, data_folders: DataFolders, qtbot: QtBot
) -> None:
    with qtbot.waitSignal(page.family_asked) as asked:
        button(page, "All quantizations of this model").click()
    assert asked.args == ["Tiny"]
    assert not page._read_licence.isVisibleTo(page)  # the catalogue does not know it
    known = write_tiny_llama(data_folders.models / "llama-2-7b-chat.Q4_0.gguf")
    desk.library.rescan()
    driver.until(lambda: desk.models.file_at(known))
    desk.catalogue.look()
    driver.until(lambda: desk.catalogue.state.model_of("Llama 2 7B Chat"))
    show(page, driver, desk, known)
    assert any("Llama 2" in text and "icen" in text for text in texts(page._licence))
    with qtbot.waitSignal(page.licence_asked) as licence:
        button(page, "Show the licence").click()
    model = desk.catalogue.state.model_of("Llama 2 7B Chat")
    assert model is not None and licence.args == [model.id]
