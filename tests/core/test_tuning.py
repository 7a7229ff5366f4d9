"""Which way of computing is chosen, and how that is told."""

from __future__ import annotations

import msgspec
import pytest

from llamadesk.core.protocol import PROTOCOL_VERSION, Device, DeviceKind, Hello, KvType, Trial
from llamadesk.core.tuning import (
    MAX_BEGUN,
    Placement,
    TunedChoice,
    TuningRecord,
    best_first,
    is_better,
    machine_key,
    placement,
    record_words,
    score,
)

BASE = Trial(2, 128, False, KvType.F16, prefill_speed=60.0, shallow_speed=20.0, deep_speed=16.0, n_deep=2000)
HELLO = Hello(PROTOCOL_VERSION, 1, "b1", [Device("CPU", "A processor", DeviceKind.CPU, 1, 2)], ["AVX2"], "haswell")


def changed(**fields: object) -> Trial:
    return msgspec.structs.replace(BASE, **fields)


def test_a_score_counts_what_both_have_measured() -> None:
    assert score(BASE, BASE) == 0
    assert score(changed(deep_speed=8.0), BASE) == pytest.approx(-0.2310, abs=1e-3)
    assert score(changed(deep_speed=0.0, n_deep=0), BASE) == 0
    assert score(changed(prefill_speed=0.0, shallow_speed=40.0, deep_speed=32.0), BASE) == pytest.approx(
        0.693, abs=1e-3
    )


@pytest.mark.parametrize(
    ("trial", "better"),
    [
        (changed(flash_attention=True, deep_speed=20.0), True),
        (changed(flash_attention=True, deep_speed=16.5), False),  # chance
        (changed(n_threads=1, prefill_speed=0.0, shallow_speed=40.0), False),  # not measured to the end
        (changed(n_ubatch=512, prefill_speed=62.5), True),
        (changed(n_ubatch=512, prefill_speed=61.0), False),
        (changed(kv_type=KvType.Q8_0, deep_speed=17.4), False),  # less precise, for so little
        (changed(kv_type=KvType.Q8_0, deep_speed=18.4), True),
        (changed(kv_type=KvType.Q8_0, deep_speed=18.4, prefill_speed=50.0), False),  # reading pays for it
        (changed(kv_type=KvType.Q8_0, deep_speed=0.0, shallow_speed=24.0), False),  # where it is felt was not measured
    ],
)
def test_another_way_must_be_better_by_more_than_its_price(trial: Trial, better: bool) -> None:
    assert is_better(trial, BASE) is better


def test_the_rest_follows_by_speed() -> None:
    slow, slower = changed(n_threads=1, shallow_speed=10.0), changed(n_threads=4, shallow_speed=5.0)
    assert best_first(BASE, [slower, BASE, slow]) == [BASE, slow, slower]


def test_only_a_whole_measurement_is_a_choice() -> None:
    assert TuningRecord((BASE,)).choice is None
    assert TuningRecord(whole=True).choice is None
    assert TuningRecord((BASE, changed(n_threads=1)), whole=True).choice == TunedChoice(2, 128, False, KvType.F16)


def test_another_machine_has_another_key() -> None:
    key = machine_key(HELLO, 4)
    assert key == machine_key(msgspec.structs.replace(HELLO, pid=77, cpu_features=["AVX2"]), 4)
    gpu = Device("Vulkan0", "A card", DeviceKind.GPU, 1, 2)
    others = [
        machine_key(HELLO, 8),
        machine_key(msgspec.structs.replace(HELLO, library_version="b2"), 4),
        machine_key(msgspec.structs.replace(HELLO, cpu_variant="x64"), 4),
        machine_key(msgspec.structs.replace(HELLO, devices=[*HELLO.devices, gpu]), 4),
    ]
    assert len({key, *others}) == 5
    fuller = [msgspec.structs.replace(HELLO.devices[0], memory_free=0)]
    assert machine_key(msgspec.structs.replace(HELLO, devices=fuller), 4) == key


def test_placements() -> None:
    assert [placement(n, 32) for n in (0, 1, 32, 33, -1)] == [
        Placement.CPU,
        Placement.BOTH,
        Placement.BOTH,
        Placement.GPU,
        Placement.GPU,
    ]


def test_words() -> None:
    others = (changed(flash_attention=True, deep_speed=8.0), changed(n_threads=1, deep_speed=9.4))
    assert record_words(TuningRecord((BASE, *others), whole=True)) == (
        "Fastest here: 2 threads, flash attention off, 128 tokens at a time. Reads 60 tokens/s, writes 20, 16 deep "
        "in a chat; the others wrote 8.0 to 9.4."
    )
    assert "1 thread," in record_words(TuningRecord((others[1],), whole=True))
    assert "q8_0" in record_words(TuningRecord((changed(kv_type=KvType.Q8_0),), whole=True))
    assert record_words(TuningRecord()) == ""
    assert "in part" in record_words(TuningRecord((BASE,)))
    assert "memory" in record_words(TuningRecord(whole=True))
    assert "twice" in record_words(TuningRecord(n_begun=MAX_BEGUN))
    assert "defaults" in record_words(TuningRecord(declined=True))
