"""The pane shows what the table of settings declares, and asks control for every change."""

from __future__ import annotations

from collections.abc import Callable

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
    QPlainTextEdit,
    QPushButton,
    QSlider,
    QSpinBox,
)
from pytestqt.qtbot import QtBot
from stand_in import StandInDesk, devices

from llamadesk.core.protocol import Accelerator, AcceleratorState
from llamadesk.core.settings import (
    ALL_GPU_LAYERS,
    AUTO_GPU_LAYERS,
    CONTEXT_LENGTH,
    GPU_LAYERS,
    PANE_SHOWN,
    SETTINGS,
    SYSTEM_PROMPT,
    TEMPERATURE,
    THEME,
    UPDATE_CHECK,
    Group,
    Needs,
    Setting,
)
from llamadesk.ui.devices import DeviceList
from llamadesk.ui.main_window import MainWindow
from llamadesk.ui.settings_pane import SettingsPane

VISIBLE = [setting for setting in SETTINGS.values() if setting.group is not Group.HIDDEN]


@pytest.fixture
def pane(window: MainWindow, desk: StandInDesk) -> SettingsPane:
    desk.preferences.set(PANE_SHOWN, True)
    assert window.pane is not None
    desk.asked.calls.clear()
    return window.pane


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


@pytest.mark.parametrize("setting", VISIBLE, ids=lambda setting: setting.key)
def test_every_visible_setting_has_a_named_control_with_its_help(pane: SettingsPane, setting: Setting) -> None:
    row = pane.rows[setting.key]
    assert row.control.accessibleName() == setting.label
    texts = [label.text() for label in row.findChildren(QLabel)]
    assert any(text.startswith(setting.help) for text in texts)
    assert any("Reloads the model" in text for text in texts) == (setting.needs is Needs.LOAD)


@pytest.mark.parametrize("setting", VISIBLE, ids=lambda setting: setting.key)
def test_every_control_asks_control_and_shows_what_it_was_given(
    pane: SettingsPane, desk: StandInDesk, qtbot: QtBot, setting: Setting
) -> None:
    desk.engine.set_devices(devices(gpu=True))
    before = desk.settings.value(setting.key)
    another_value(pane.rows[setting.key].control, qtbot)
    qtbot.waitUntil(lambda: bool(desk.asked.named("set")), timeout=3000)
    key, asked = desk.asked.named("set")[-1]
    assert key == setting.key
    assert asked != before
    assert desk.settings.value(setting.key) == asked


def test_hidden_settings_are_not_shown(pane: SettingsPane) -> None:
    assert set(pane.rows) == {setting.key for setting in VISIBLE}


@pytest.mark.parametrize("setting", VISIBLE, ids=lambda setting: setting.key)
def test_a_value_that_came_from_elsewhere_is_shown_and_not_asked_again(
    pane: SettingsPane, desk: StandInDesk, setting: Setting
) -> None:
    desk.engine.set_devices(devices(gpu=True))
    value = {GPU_LAYERS: 7, CONTEXT_LENGTH: 2048, THEME: "dark", UPDATE_CHECK: True}.get(setting.key)
    if value is None:
        value = "You are a poet." if setting.key == SYSTEM_PROMPT else setting.minimum
    desk.settings.set(setting.key, type(setting.default)(value))
    control = pane.rows[setting.key].control
    match control:
        case QPlainTextEdit():
            assert control.toPlainText() == value
        case QComboBox():
            assert control.currentData() == value
        case QCheckBox():
            assert control.isChecked() is value
        case QSlider() | QSpinBox() | QDoubleSpinBox():
            assert control.value() == (0 if setting.key == TEMPERATURE else value)
    assert desk.asked.named("set") == []


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
