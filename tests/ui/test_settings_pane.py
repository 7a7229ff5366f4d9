"""The pane shows what the table of settings declares, and asks control for every change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QKeySequence, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QSlider,
    QSpinBox,
    QWidget,
)
from pytestqt.qtbot import QtBot
from stand_in import StandInDesk, devices

from llamadesk.core.adapters import adapters_from, adapters_text
from llamadesk.core.protocol import Accelerator, AcceleratorState, Adapter
from llamadesk.core.settings import (
    ADAPTERS,
    ALL_GPU_LAYERS,
    AUTO_GPU_LAYERS,
    CACHE_DISK,
    CONTEXT_LENGTH,
    DRY_BASE,
    DRY_MULTIPLIER,
    GPU_LAYERS,
    GRAMMAR,
    JSON_SCHEMA,
    KEEP_AWAKE,
    LOGIT_BIAS,
    MIROSTAT,
    MIROSTAT_TAU,
    PANE_SHOWN,
    READ_AHEAD,
    SEED,
    SETTINGS,
    SYSTEM_PROMPT,
    TEMPERATURE,
    TENSOR_SPLIT,
    THEME,
    TOP_K,
    XTC_PROBABILITY,
    XTC_THRESHOLD,
    Group,
    Needs,
    Setting,
    Value,
)
from llamadesk.ui.adapter_row import AdapterRow
from llamadesk.ui.devices import DeviceList
from llamadesk.ui.main_window import MainWindow
from llamadesk.ui.section import FoldedSection
from llamadesk.ui.setting_rows import default_words
from llamadesk.ui.settings_pane import SettingsPane

VISIBLE = [setting for setting in SETTINGS.values() if setting.group is not Group.HIDDEN]


SPECIAL = {GPU_LAYERS, CONTEXT_LENGTH, ADAPTERS}
"""Rows that are tested by themselves."""
PLAIN = [setting for setting in VISIBLE if setting.key not in SPECIAL]


@pytest.fixture
def pane(window: MainWindow, desk: StandInDesk) -> SettingsPane:
    desk.preferences.set(PANE_SHOWN, True)
    assert window.pane is not None
    desk.asked.calls.clear()
    return window.pane


@pytest.fixture
def whole_pane(pane: SettingsPane, desk: StandInDesk) -> SettingsPane:
    """With every row on screen."""
    for section in pane.sections.values():
        if isinstance(section, FoldedSection):
            section.set_open(True)
    for row in pane.rows.values():
        row.show()
    desk.engine.set_devices(devices(gpu=True))
    pane.rows[TENSOR_SPLIT].show()
    return pane


def slider(pane: SettingsPane, key: str) -> QSlider:
    control = pane.rows[key].control
    assert isinstance(control, QSlider)
    return control


def another_value(control: object, qtbot: QtBot) -> None:
    """Change a control as a person would."""
    match control:
        case QSlider():
            control.setFocus()
            qtbot.keyClick(control, Qt.Key.Key_Right if control.value() < control.maximum() else Qt.Key.Key_Left)
        case QSpinBox() | QDoubleSpinBox():
            control.setFocus()
            up = control.value() < control.maximum()
            qtbot.keyClick(control, Qt.Key.Key_Up if up else Qt.Key.Key_Down)
        case QComboBox():
            control.setCurrentIndex((control.currentIndex() + 1) % control.count())
        case QCheckBox():
            control.setFocus()
            qtbot.keyClick(control, Qt.Key.Key_Space)
        case QPlainTextEdit():
            qtbot.keyClicks(control, "Be brief.")
        case QLineEdit():
            qtbot.keyClicks(control, "3, 1")
            qtbot.keyClick(control, Qt.Key.Key_Return)


def test_every_visible_setting_has_a_named_control_with_its_help(pane: SettingsPane) -> None:
    for setting in VISIBLE:
        row = pane.rows[setting.key]
        assert row.control.accessibleName() == setting.label
        texts = [label.text() for label in row.findChildren(QLabel)]
        assert any(text.startswith(setting.help) for text in texts), setting.key
        assert any("Reloads the model" in text for text in texts) == (setting.needs is Needs.LOAD), setting.key


def test_every_control_asks_control_and_shows_what_it_was_given(
    whole_pane: SettingsPane, desk: StandInDesk, qtbot: QtBot
) -> None:
    for setting in PLAIN:
        before = desk.settings.value(setting.key)
        another_value(whole_pane.rows[setting.key].control, qtbot)
        qtbot.waitUntil(lambda: bool(desk.asked.named("set")), timeout=5000)
        key, asked = desk.asked.named("set")[-1]
        assert key == setting.key
        assert asked != before
        assert desk.settings.value(setting.key) == asked
        desk.asked.calls.clear()


def test_hidden_settings_are_not_shown(pane: SettingsPane) -> None:
    assert set(pane.rows) == {setting.key for setting in VISIBLE}


def another_than_default(setting: Setting) -> Value:
    """A value as it may come from the store."""
    if setting.choices:
        return setting.choices[-1][0]
    if isinstance(setting.default, bool):
        return not setting.default
    if isinstance(setting.default, str):
        return "You are a poet."
    lowest = type(setting.default)(setting.minimum or 0)
    return lowest if lowest != setting.default else type(setting.default)(setting.maximum or 0)


def test_a_value_that_came_from_elsewhere_is_shown_and_not_asked_again(
    pane: SettingsPane, desk: StandInDesk, qtbot: QtBot
) -> None:
    for setting in PLAIN:
        value = another_than_default(setting)
        desk.settings.set(setting.key, value)
        match pane.rows[setting.key].control:
            case QPlainTextEdit() as text:
                assert text.toPlainText() == value, setting.key
            case QLineEdit() as line:
                assert line.text() == value, setting.key
            case QComboBox() as combo:
                assert combo.currentData() == value, setting.key
            case QCheckBox() as box:
                assert box.isChecked() is value, setting.key
            case QSlider() as slider:
                assert slider.value() == round(float(value) * 100), setting.key
            case QSpinBox() | QDoubleSpinBox() as number:
                assert number.value() == value, setting.key
            case other:
                pytest.fail(f"{setting.key}: {other}")
    assert desk.asked.named("set") == []


def visible_texts(widget: QWidget) -> list[str]:
    return [label.text() for label in widget.findChildren(QLabel) if label.isVisible()]


def button(widget: QWidget, name: str) -> QPushButton:
    (found,) = (each for each in widget.findChildren(QPushButton) if each.accessibleName() == name)
    return found


def test_a_row_that_differs_from_its_default_says_so_and_goes_back(pane: SettingsPane, desk: StandInDesk) -> None:
    row = pane.rows[TOP_K]
    assert not any("Changed" in text for text in visible_texts(row))
    desk.settings.set(TOP_K, 7)
    assert "Changed; the default is 40" in visible_texts(row)
    button(row, "Reset Top K").click()
    assert desk.asked.named("set") == [(TOP_K, 40)]
    assert not any("Changed" in text for text in visible_texts(row))
    assert row.control.hasFocus()  # not lost with the button


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (TEMPERATURE, "0.7"),
        (SEED, "Random"),
        (GPU_LAYERS, "Automatic"),
        (KEEP_AWAKE, "on"),
        (THEME, "System"),
        (CACHE_DISK, "4000 MB"),
        (GRAMMAR, "none"),
        (SYSTEM_PROMPT, "Changed"),
    ],
)
def test_a_default_is_said_in_words(key: str, words: str) -> None:
    assert words in default_words(SETTINGS[key])


def test_most_people_see_a_short_list(pane: SettingsPane, desk: StandInDesk, qtbot: QtBot) -> None:
    speed = pane.sections[Group.SPEED]
    assert isinstance(speed, FoldedSection)
    assert not pane.rows[READ_AHEAD].isVisible() and not pane.rows[GRAMMAR].isVisible()
    assert pane.rows[TEMPERATURE].isVisible()
    show = button(speed, "Show Speed and memory settings")
    show.setFocus()
    qtbot.keyClick(show, Qt.Key.Key_Space)
    assert speed.is_open and pane.rows[READ_AHEAD].isVisible() and show.hasFocus()
    assert show.accessibleName() == "Hide Speed and memory settings"
    show.click()
    assert not pane.rows[READ_AHEAD].isVisible()


def test_a_folded_section_tells_that_something_in_it_is_changed(pane: SettingsPane, desk: StandInDesk) -> None:
    section = pane.sections[Group.MORE_SAMPLING]
    assert not any("changed" in text for text in visible_texts(section))
    desk.settings.set(MIROSTAT, 2)
    desk.settings.set(GRAMMAR, 'root ::= "a"')
    assert "2 changed here" in visible_texts(section)
    assert button(section, "Show More sampling settings").accessibleDescription() == "2 changed here"
    button(section, "Show More sampling settings").click()
    assert "2 changed here" not in visible_texts(section)


def test_what_belongs_to_a_setting_that_is_off_is_not_shown(pane: SettingsPane, desk: StandInDesk) -> None:
    parts = {DRY_BASE: (DRY_MULTIPLIER, 0.8), XTC_THRESHOLD: (XTC_PROBABILITY, 0.5), MIROSTAT_TAU: (MIROSTAT, 1)}
    for part, (whole, on) in parts.items():
        assert pane.rows[part].isHidden()
        desk.settings.set(whole, on)
        assert not pane.rows[part].isHidden()
        desk.settings.set(whole, SETTINGS[whole].default)
        assert pane.rows[part].isHidden()


def test_a_split_is_shown_only_where_there_is_more_than_one_card(pane: SettingsPane, desk: StandInDesk) -> None:
    processor, card = devices(gpu=True)
    for cards, shown in (((), False), ((card,), False), ((card, card), True), ((card,), False)):
        desk.engine.set_devices((processor, *cards))
        assert pane.rows[TENSOR_SPLIT].isVisible() is shown


@pytest.mark.parametrize(
    ("key", "wrong", "words", "right"),
    [
        (JSON_SCHEMA, '{"type": "object",}', "Line 1, column 19", '{"type": "object"}'),
        (GRAMMAR, 'root ::= "yes', "a text is not closed", 'root ::= "yes"'),
        (LOGIT_BIAS, "very = often", "Line 1 is left out", "very = -2"),
    ],
)
def test_what_is_wrong_with_a_text_is_told_below_it(
    whole_pane: SettingsPane, desk: StandInDesk, window: MainWindow, key: str, wrong: str, words: str, right: str
) -> None:
    row = whole_pane.rows[key]
    edit = row.control
    assert isinstance(edit, QPlainTextEdit)
    for text, told in ((wrong, True), (right, False)):
        edit.setFocus()
        edit.setPlainText(text)
        window.chat.composer.edit.setFocus()
        assert desk.settings.value(key) == text  # kept as it is: it may be half-way
        assert any(words in shown for shown in visible_texts(row)) is told
        assert (words in edit.accessibleDescription()) is told


def test_nothing_is_wider_than_the_pane(whole_pane: SettingsPane, desk: StandInDesk) -> None:
    desk.settings.set(ADAPTERS, adapters_text([Adapter("/models/" + "long" * 40 + ".gguf")]))
    for key in PLAIN:
        desk.settings.set(key.key, another_than_default(key))
    for row in whole_pane.rows.values():
        assert row.minimumSizeHint().width() <= 270, row.setting.key
    for section in whole_pane.sections.values():
        assert section.minimumSizeHint().width() <= 270, section.accessibleName()


def test_adapters_are_listed_added_and_removed(
    pane: SettingsPane, desk: StandInDesk, qtbot: QtBot, tmp_path: Path
) -> None:
    row = pane.rows[ADAPTERS]
    assert isinstance(row, AdapterRow)
    style = tmp_path / "style.gguf"
    style.write_bytes(b"")
    row.add(style)
    row.add(style)  # again changes nothing
    row.add(Path("/gone/poet.gguf"))
    added = (Adapter(str(style)), Adapter("/gone/poet.gguf"))
    assert adapters_from(desk.settings.get(ADAPTERS, str)) == added
    listed = ["style.gguf", "Missing: poet.gguf"]
    qtbot.waitUntil(lambda: [text for text in visible_texts(row) if "gguf" in text] == listed)
    (strength,) = (box for box in row.findChildren(QDoubleSpinBox) if box.accessibleName() == "Strength of style.gguf")
    strength.setValue(0.5)
    assert adapters_from(desk.settings.get(ADAPTERS, str))[0].scale == 0.5
    button(row, "Remove poet.gguf").click()
    assert adapters_from(desk.settings.get(ADAPTERS, str)) == (Adapter(str(style), 0.5),)
    assert row.add_button.hasFocus()
    qtbot.waitUntil(lambda: len(row.findChildren(QDoubleSpinBox)) == 1)
    button(row, "Remove style.gguf").click()
    assert desk.settings.get(ADAPTERS, str) == ""
    assert len(desk.asked.named("set")) == 5


def test_gpu_layers_are_disabled_with_the_reason_where_there_is_no_gpu(pane: SettingsPane, desk: StandInDesk) -> None:
    layers = slider(pane, GPU_LAYERS)
    assert not layers.isEnabled()
    assert "No graphics card" in layers.toolTip()
    assert layers.accessibleDescription() == layers.toolTip()
    assert any(label.text() == layers.toolTip() for label in pane.rows[GPU_LAYERS].findChildren(QLabel))
    assert desk.settings.get(GPU_LAYERS, int) == AUTO_GPU_LAYERS  # kept for a day with a GPU


def test_what_became_of_a_driver_is_told_where_there_is_no_gpu(pane: SettingsPane, desk: StandInDesk) -> None:
    crashed = Accelerator("Vulkan", AcceleratorState.CRASHED, "The driver of the graphics card crashed.")
    none = Accelerator("CUDA", AcceleratorState.NONE, "CUDA found no graphics card.")
    desk.engine.set_devices(devices(gpu=False), (crashed, none))
    told = slider(pane, GPU_LAYERS).toolTip()
    assert told.endswith("The driver of the graphics card crashed.")
    desk.engine.set_devices(devices(gpu=True), (crashed,))
    assert slider(pane, GPU_LAYERS).toolTip() == ""


def test_gpu_layers_go_from_none_to_all_of_the_model(pane: SettingsPane, desk: StandInDesk) -> None:
    desk.engine.set_devices(devices(gpu=True))
    layers = slider(pane, GPU_LAYERS)
    assert layers.isEnabled() and layers.toolTip() == ""
    assert (layers.minimum(), layers.maximum(), layers.value()) == (0, 33, 20)
    assert layers.accessibleDescription() == "Automatic: 20 of 33 layers"
    layers.setValue(12)
    assert desk.settings.get(GPU_LAYERS, int) == 12
    assert layers.accessibleDescription() == "12 of 33 layers"
    layers.setValue(33)
    assert desk.settings.get(GPU_LAYERS, int) == ALL_GPU_LAYERS
    assert layers.accessibleDescription() == "All 33 layers"
    desk.preferences.set(GPU_LAYERS, AUTO_GPU_LAYERS)
    assert layers.value() == 20
    layers.setValue(0)
    assert layers.accessibleDescription() == "None of 33 layers"


def test_each_position_tells_what_it_takes(pane: SettingsPane, desk: StandInDesk) -> None:
    desk.engine.set_devices(devices(gpu=True))

    def notes(key: str) -> list[str]:
        return [label.text() for label in pane.rows[key].findChildren(QLabel)]

    layers, context = slider(pane, GPU_LAYERS), slider(pane, CONTEXT_LENGTH)
    for position, takes in ((0, "VRAM 0.0"), (10, "VRAM 2.0"), (30, "VRAM 6.0")):
        layers.setValue(position)
        assert f"{takes} of 12.0 GB, RAM 5.0 of 16.0 GB: comfortable." in notes(GPU_LAYERS)
        assert f"{takes} of 12.0 GB, RAM 5.0 of 16.0 GB: comfortable." in notes(CONTEXT_LENGTH)
    context.setValue(16384)
    assert "VRAM 6.0 of 12.0 GB, RAM 6.0 of 16.0 GB: comfortable." in notes(GPU_LAYERS)


def test_devices_are_listed_with_what_is_free(pane: SettingsPane, desk: StandInDesk) -> None:
    listed = pane.findChild(DeviceList)
    assert listed is not None
    assert listed.accessibleDescription() == "Processor: A processor, 8.0 of 16.0 GB free"
    desk.engine.set_devices(devices(gpu=True))
    assert "Graphics card: A graphics card (GPU0), 11.0 of 12.0 GB free" in listed.accessibleDescription()
    desk.asked.calls.clear()
    desk.preferences.set(PANE_SHOWN, False)
    desk.preferences.set(PANE_SHOWN, True)
    assert desk.asked.named("refresh_devices") == [()]


def test_context_goes_in_steps_to_the_trained_length_and_names_its_cost(pane: SettingsPane, desk: StandInDesk) -> None:
    context = slider(pane, CONTEXT_LENGTH)
    assert (context.minimum(), context.maximum(), context.singleStep()) == (512, 131_072, 256)
    assert context.value() == 8192  # what it is loaded with, though nobody chose it
    context.setValue(4000)
    assert context.value() == 4096 == desk.settings.get(CONTEXT_LENGTH, int)
    assert desk.asked.named("set") == [(CONTEXT_LENGTH, 4096)]
    texts = [label.text() for label in pane.rows[CONTEXT_LENGTH].findChildren(QLabel)]
    assert "VRAM 0.0 of 12.0 GB, RAM 4.5 of 16.0 GB: comfortable." in texts
    assert "4,096 of 131,072 tokens" in texts


def test_without_a_model_its_sliders_say_so(make_window: Callable[..., MainWindow]) -> None:
    desk = StandInDesk()
    desk.settings.set(PANE_SHOWN, True)
    pane = make_window(desk).pane
    assert pane is not None
    for key in (GPU_LAYERS, CONTEXT_LENGTH):
        assert not pane.rows[key].control.isEnabled()
        assert "Choose a model first." in [label.text() for label in pane.rows[key].findChildren(QLabel)]
    desk.with_model(gpu=True)
    assert pane.rows[GPU_LAYERS].control.isEnabled() and pane.rows[CONTEXT_LENGTH].control.isEnabled()


def test_model_and_quantization_list_what_is_here_and_ask_for_another(pane: SettingsPane, desk: StandInDesk) -> None:
    model, quantization = pane.chooser.model_combo, pane.chooser.quantization_combo
    assert [model.itemText(i) for i in range(model.count())] == ["Llama 3.1 8B", "SmolLM2 135M Instruct"]
    shown = [quantization.itemText(i) for i in range(quantization.count())]
    assert shown == ["Q4_K_M  ·  4.9 GB", "Q5_K_M  ·  5.7 GB", "Q8_0  ·  8.5 GB"]
    assert (model.currentIndex(), quantization.currentIndex()) == (0, 1)
    assert desk.asked.calls == []
    quantization.setCurrentIndex(2)
    assert desk.asked.named("choose_file") == [(desk.models.families[0].files[2].path,)]
    model.setCurrentIndex(1)
    assert desk.asked.named("choose_family") == [("SmolLM2 135M Instruct",)]
    desk.models.choose(desk.models.families[1].files[0])
    assert [quantization.itemText(i) for i in range(quantization.count())] == ["Q4_1  ·  98 MB"]


def test_a_chosen_file_that_no_scan_has_found_is_listed(pane: SettingsPane, desk: StandInDesk) -> None:
    desk.models.set_families([])
    assert pane.chooser.model_combo.currentText() == "Llama 3.1 8B"
    assert pane.chooser.quantization_combo.currentText() == "Q5_K_M  ·  5.7 GB"


def test_each_group_can_be_reset(pane: SettingsPane, desk: StandInDesk) -> None:
    desk.settings.set(TEMPERATURE, 1.5)
    for group in (Group.MODEL, Group.CHAT, Group.SAMPLING, Group.APPEARANCE, Group.HELP):
        (button,) = (
            b for b in pane.findChildren(QPushButton) if b.accessibleName() == f"Reset {group.value} to defaults"
        )
        button.click()
        assert desk.asked.named("reset")[-1] == (group,)
    assert slider(pane, TEMPERATURE).value() == 70


def test_a_system_prompt_is_taken_when_the_cursor_leaves_it(
    pane: SettingsPane, desk: StandInDesk, window: MainWindow
) -> None:
    edit = pane.rows[SYSTEM_PROMPT].control
    edit.setFocus()
    QTest.keySequence(edit, QKeySequence(QKeySequence.StandardKey.SelectAll))
    QTest.keyClicks(edit, "Answer in rhymes.")
    assert desk.asked.named("set") == []
    window.chat.composer.edit.setFocus()
    assert desk.asked.named("set") == [(SYSTEM_PROMPT, "Answer in rhymes.")]


def test_the_wheel_scrolls_the_pane_and_changes_no_value(
    pane: SettingsPane, desk: StandInDesk, window: MainWindow
) -> None:
    window.chat.composer.edit.setFocus()
    temperature = slider(pane, TEMPERATURE)
    wheel = QWheelEvent(
        QPointF(5, 5),
        QPointF(temperature.mapToGlobal(QPoint(5, 5))),
        QPoint(0, -120),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(temperature, wheel)
    assert temperature.value() == 70
    assert not wheel.isAccepted()
