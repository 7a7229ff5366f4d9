"""Each card counts once, whoever lists it."""

from __future__ import annotations

from llamadesk.core.devices import distinct, shares_main_memory, usable_gpus
from llamadesk.core.protocol import Device, DeviceKind

GB = 10**9


def device(name: str, description: str = "A card", kind: DeviceKind = DeviceKind.GPU, total: int = 8 * GB) -> Device:
    return Device(name, description, kind, total // 2, total)


CPU = device("CPU", "A processor", DeviceKind.CPU)
INSIDE = device("Vulkan1", "Graphics of a processor", DeviceKind.IGPU)


def names(*devices: Device) -> list[str]:
    return [each.name for each in distinct(devices)]


def test_a_card_that_two_drivers_list_counts_once() -> None:
    assert names(CPU, device("CUDA0"), device("Vulkan0", total=8_100_000_000)) == ["CPU", "CUDA0"]
    assert names(device("CUDA0"), device("Vulkan0"), INSIDE) == ["CUDA0", "Vulkan1"]


def test_two_cards_of_one_kind_stay_two() -> None:
    assert names(device("CUDA0"), device("CUDA1")) == ["CUDA0", "CUDA1"]
    both = [device(name) for name in ("CUDA0", "CUDA1", "Vulkan0", "Vulkan1")]
    assert names(*both) == ["CUDA0", "CUDA1"]


def test_what_only_the_second_driver_knows_is_kept() -> None:
    assert names(device("CUDA0"), device("Vulkan0"), device("Vulkan1")) == ["CUDA0", "Vulkan1"]
    assert names(device("CUDA0"), device("Vulkan0", "Another card")) == ["CUDA0", "Vulkan0"]
    assert names(device("CUDA0"), device("Vulkan0", total=16 * GB)) == ["CUDA0", "Vulkan0"]


def test_the_processors_own_graphics_are_used_where_there_is_no_card() -> None:
    card = device("Vulkan0")
    assert usable_gpus([CPU, INSIDE, card]) == (card,)
    assert usable_gpus([CPU, INSIDE]) == (INSIDE,)
    assert usable_gpus([CPU]) == ()


def test_whose_memory_is_main_memory() -> None:
    assert shares_main_memory(INSIDE)
    assert shares_main_memory(device("Metal", "Apple M3"))
    assert not shares_main_memory(device("CUDA0"))
