from __future__ import annotations

import json

import pytest

from llamadesk.core.adapters import MAX_ADAPTERS, adapters_from, adapters_text
from llamadesk.core.protocol import Adapter


def test_adapters_survive_the_way_into_a_setting_and_back() -> None:
    adapters = (Adapter("/models/Ä [1].gguf", 0.5), Adapter("/models/b.gguf", -1.0))
    assert adapters_from(adapters_text(adapters)) == adapters
    assert adapters_text(()) == "" and adapters_from("") == ()


@pytest.mark.parametrize(
    "text",
    ["{", "3", "null", '{"a": 1}', '["/a.gguf", 1]', '[["", 1]]', "[[1, 1]]", '[["/a", "x"]]', "[" * 100_000, "[[[]]]"],
)
def test_what_is_no_list_of_adapters_is_none(text: str) -> None:
    assert adapters_from(text) == ()


def test_what_is_damaged_takes_nothing_else_with_it() -> None:
    assert adapters_from('[["/a", 1], null, ["/b", NaN], ["/c", 1e999], ["/a", 2]]') == (Adapter("/a", 2.0),)


def test_strength_and_number_are_bounded() -> None:
    (adapter,) = adapters_from('[["/a", 1e30]]')
    assert adapter.scale == 4.0
    assert len(adapters_from(json.dumps([[f"/{n}", 1] for n in range(100)]))) == MAX_ADAPTERS
