"""What can compute here, with the memory that a model could have there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from llamadesk.core.protocol import Device, DeviceKind
from llamadesk.core.sizes import bytes_text, part_text
from llamadesk.ui.widgets import label

if TYPE_CHECKING:
    from llamadesk.control.desk import Desk

_KINDS = {
    DeviceKind.CPU: "Processor",
    DeviceKind.GPU: "Graphics card",
    DeviceKind.IGPU: "Graphics of the processor",
    DeviceKind.ACCEL: "Accelerator",
}


def device_text(device: Device) -> str:
    """A device in words: "Graphics card: NVIDIA RTX 3060 (CUDA0), 11.2 of 12.0 GB free"."""
    name = f"{_KINDS[device.kind]}: {device.description}"
    if device.kind is not DeviceKind.CPU:
        name += f" ({device.name})"
    if not device.memory_total:
        return name
    free = part_text(device.memory_free, device.memory_total)
    return f"{name}, {free} free" if device.memory_free else f"{name}, {bytes_text(device.memory_total)}"


class DeviceList(QWidget):
    """A line for each device; looked at again whenever it is shown."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self.setAccessibleName("Devices")
        self._label = label("", "small", wrap=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._label)
        desk.engine.devices_changed.connect(self._show)
        self._show()

    def showEvent(self, event: QShowEvent) -> None:
        """What is free may have changed since."""
        super().showEvent(event)
        if not event.spontaneous():
            self._desk.library.refresh_devices()

    def _show(self) -> None:
        text = "\n".join(device_text(device) for device in self._desk.engine.devices)
        self._label.setText(text)
        self.setAccessibleDescription(text)
        self._label.setVisible(bool(text))
