"""The values that the chosen model has of its own hold before the person's for all models."""

from __future__ import annotations

import pytest

from llamadesk.core.settings import TEMPERATURE, TOP_K
from llamadesk.state.settings import SettingValues


@pytest.fixture
def values(qapp: object) -> SettingValues:
    return SettingValues()


def test_they_hold_and_are_let_go_of(values: SettingValues) -> None:
    told: list[str] = []
    values.changed.connect(told.append)
    values.set(TEMPERATURE, 0.9)
    values.set_own({TEMPERATURE: 0.1, TOP_K: 5})
    assert (values.effective(TEMPERATURE, float), values.get(TEMPERATURE, float)) == (0.1, 0.9)
    assert (values.own(TEMPERATURE), values.own(TOP_K)) == (0.1, 5)
    values.set_own({TEMPERATURE: 0.1})
    assert values.effective(TOP_K, int) == values.get(TOP_K, int) == 40
    values.set_own({})
    assert values.effective(TEMPERATURE, float) == 0.9
    assert values.own(TEMPERATURE) is None
    assert told == [TEMPERATURE, TEMPERATURE, TOP_K, TOP_K, TEMPERATURE]


def test_a_value_of_another_type_is_a_bug(values: SettingValues) -> None:
    values.set_own({TOP_K: 5})
    with pytest.raises(TypeError):
        values.effective(TOP_K, str)
