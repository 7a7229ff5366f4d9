"""What can compute here, sorted out: each card once, and which of them a model's layers can be put on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from llamadesk.core.protocol import Device, DeviceKind

_UNIFIED: Final = ("Metal", "MTL")
"""What the names of Apple's GPUs begin with: they have no memory of their own."""
_SAME_SIZE: Final = 0.1
"""Two drivers of one card may count its memory differently by this share."""


def distinct(devices: Sequence[Device]) -> tuple[Device, ...]:
    """The devices without those that an earlier one's driver has listed already, such as a card that both CUDA and
    Vulkan know. Two cards of one kind stay two."""
    return tuple(device for index, device in enumerate(devices) if not _is_repeated(device, devices[:index]))


def usable_gpus(devices: Sequence[Device]) -> tuple[Device, ...]:
    """The GPUs that layers are put on: graphics cards, or where there is none, the processor's own graphics."""
    cards = tuple(device for device in devices if device.kind is DeviceKind.GPU)
    return cards or tuple(device for device in devices if device.kind is DeviceKind.IGPU)


def shares_main_memory(device: Device) -> bool:
    """Whether what is put on a device is taken from the main memory."""
    return device.kind is not DeviceKind.GPU or device.name.startswith(_UNIFIED)


def backend_of(device: Device) -> str:
    """The driver that brought a device, such as "CUDA" of "CUDA0"."""
    return re.sub(r"\d+$", "", device.name)


def _is_repeated(device: Device, earlier: Sequence[Device]) -> bool:
    n_alike = Counter(backend_of(other) for other in earlier if _alike(other, device))
    n_own = n_alike.pop(backend_of(device), 0)
    return n_own < max(n_alike.values(), default=0)


def _alike(one: Device, other: Device) -> bool:
    near = abs(one.memory_total - other.memory_total) <= _SAME_SIZE * max(one.memory_total, other.memory_total)
    return (one.description, one.kind) == (other.description, other.kind) and near
