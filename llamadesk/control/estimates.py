"""What llama.cpp itself reckons that a load takes, and what the devices have free by then."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from PySide6.QtCore import QObject, Slot

from llamadesk.control.rooms import Rooms
from llamadesk.control.wishes import LoadWishes
from llamadesk.core.errors import Problem
from llamadesk.core.fit import device_bytes
from llamadesk.core.protocol import Device, DeviceMemory, Estimated, LoadSettings, RequestId

Then = Callable[[list[DeviceMemory]], None]
"""What is done with an estimate; it is empty where there was none to be had."""


class Estimates(QObject):
    """Asks for one estimate at a time: the newest counts. Each brings the list of devices up to date."""

    def __init__(self, rooms: Rooms, wishes: LoadWishes, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rooms = rooms
        self._wishes = wishes
        self._asked: RequestId | None = None
        self._then: Then | None = None
        rooms.client.estimated.connect(self._on_estimated)
        rooms.client.failed.connect(self._on_failed)

    @property
    def awaited(self) -> bool:
        """Whether somebody waits for an estimate."""
        return self._then is not None

    def ask(self, settings: LoadSettings, then: Then | None = None) -> None:
        """Have a load estimated, in place of whatever was asked before."""
        self._then = then
        self._asked = self._rooms.client.estimate(settings)

    def forget(self) -> None:
        """Nobody waits any more."""
        self._then = None

    @Slot(int, object)
    def _on_estimated(self, request_id: RequestId, estimated: Estimated) -> None:
        if estimated.listed:
            devices = tuple(self._as_if_unloaded(device) for device in estimated.listed)
            self._rooms.engine.set_devices(devices, self._rooms.engine.accelerators)
        if request_id == self._asked:
            self._go_on(estimated.devices)

    @Slot(int, object)
    def _on_failed(self, request_id: RequestId, _problem: Problem) -> None:
        if request_id == self._asked:
            self._go_on([])  # the load itself will tell

    def _go_on(self, estimated: list[DeviceMemory]) -> None:
        then, self._then, self._asked = self._then, None, None
        if then is not None:
            then(estimated)

    def _as_if_unloaded(self, device: Device) -> Device:
        """With what the model of now takes of the device counted as free: the next one takes its place."""
        model, need = self._rooms.engine.model, self._wishes.held
        if model is None or need is None or not need.vram_bytes:
            return device
        share = sum(device_bytes(each) for each in need.gpus if each.device == device.name) / need.vram_bytes
        free = device.memory_free + int(share * model.accelerator_bytes)
        return msgspec.structs.replace(device, memory_free=min(free, device.memory_total))
