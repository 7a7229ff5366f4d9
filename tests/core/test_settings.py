"""The table of settings is whole, and only values within it become values."""

import random

import msgspec
import pytest

from llamadesk.core import settings
from llamadesk.core.settings import SETTINGS, Group, Needs, defaults


@pytest.mark.parametrize("key", SETTINGS)
def test_each_is_declared_whole(key):
    setting = SETTINGS[key]
    assert setting.key == key
    assert setting.label and setting.help.endswith(".")
    assert setting.validate(setting.default) == setting.default
    if isinstance(setting.default, int | float) and not isinstance(setting.default, bool):
        assert setting.choices or setting.minimum is not None or setting.group is Group.HIDDEN


def test_every_key_has_a_name():
    named = {value for name, value in vars(settings).items() if name.isupper() and isinstance(value, str)}
    assert named == {*SETTINGS, settings.AUTO_KV_TYPE}  # which is a value


def test_labels_are_told_apart():
    shown = [setting.label for setting in SETTINGS.values() if setting.group is not Group.HIDDEN]
    assert len(set(shown)) == len(shown)


def test_what_a_new_load_needs():
    assert {key for key, setting in SETTINGS.items() if setting.needs is Needs.LOAD} == {
        settings.MODEL_PATH,
        settings.GPU_LAYERS,
        settings.CONTEXT_LENGTH,
        settings.THREADS,
        settings.TENSOR_SPLIT,
        settings.ADAPTERS,
        settings.FLASH_ATTENTION,
        settings.MICRO_BATCH,
        settings.KV_TYPE,
        settings.MEMORY_MAP,
    }


def test_defaults():
    values = defaults()
    assert values[settings.TEMPERATURE] == 0.7
    values[settings.TEMPERATURE] = 2.0
    assert defaults()[settings.TEMPERATURE] == 0.7, "a new dict each time"


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        (settings.TEMPERATURE, 1, 1.0),
        (settings.TEMPERATURE, 0.0, 0.0),
        (settings.TEMPERATURE, 2.0, 2.0),
        (settings.TOP_K, 40.0, 40),
        (settings.SEED, -1, -1),
        (settings.THEME, "dark", "dark"),
        (settings.SIDEBAR_SHOWN, False, False),
        (settings.SYSTEM_PROMPT, "x" * 100_000, "x" * 100_000),
    ],
)
def test_accepted(key, value, expected):
    found = SETTINGS[key].validate(value)
    assert found == expected and type(found) is type(expected)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (settings.TEMPERATURE, 2.01),
        (settings.TEMPERATURE, -0.01),
        (settings.TEMPERATURE, float("nan")),
        (settings.TEMPERATURE, float("inf")),
        (settings.TEMPERATURE, "1"),
        (settings.TEMPERATURE, True),
        (settings.TEMPERATURE, None),
        (settings.TOP_K, 1.5),
        (settings.TOP_K, 10**400),
        (settings.SEED, float("-inf")),
        (settings.THEME, "pink"),
        (settings.THEME, 1),
        (settings.SIDEBAR_SHOWN, 1),
        (settings.SIDEBAR_SHOWN, "yes"),
        (settings.SYSTEM_PROMPT, "x" * 100_001),
        (settings.SYSTEM_PROMPT, b"x"),
        (settings.MODEL_PATH, []),
    ],
)
def test_refused_in_words(key, value):
    with pytest.raises(ValueError, match=SETTINGS[key].label):
        SETTINGS[key].validate(value)


def test_any_stored_value_is_taken_or_refused():
    """What an older or damaged database holds must never end in another error."""
    rng = random.Random(1)
    values = [None, True, False, 0, 1, -1, 2**70, 0.5, 1e300, float("nan"), float("inf"), "", "x", "light", b"", [], {}]
    for setting in SETTINGS.values():
        for value in [*values, *(rng.uniform(-1e6, 1e6) for _ in range(20))]:
            try:
                found = setting.validate(value)
            except ValueError:
                continue
            assert type(found) is type(setting.default)
            assert msgspec.json.decode(msgspec.json.encode(found)) == found
