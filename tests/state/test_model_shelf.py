"""What was found, as views follow it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from llamadesk.core.models import ModelFacts, ModelFamily, ModelFile
from llamadesk.core.places import Finds, Place, Where
from llamadesk.state.models import ModelShelf

FACTS = ModelFacts("llama", "", "Q4_0", 2, 512, 64, 4, 2, 16, 16, 261, 1, 1, 1, 1, has_chat_template=True)
OWN = Path("/models")


def family(name: str, *quantizations: str) -> ModelFamily:
    files = tuple(
        ModelFile(OWN / f"{name}-{each}.gguf", name, 1, 1, msgspec.structs.replace(FACTS, quantization=each))
        for each in quantizations
    )
    return ModelFamily(name, files)


@pytest.fixture
def finds() -> Finds:
    families = (family("Llama", "Q4_0", "Q8_0"), family("Zebra", "Q4_0"))
    return Finds(families, {file.path: Place(Where.OWN, OWN) for each in families for file in each.files})


def test_nothing_is_known_at_first() -> None:
    shelf = ModelShelf()
    assert (shelf.finds, shelf.families, shelf.places, shelf.chosen_family) == (None, (), {}, None)
    assert shelf.file_at(OWN) is None


def test_files_are_found_by_their_paths(finds: Finds) -> None:
    shelf = ModelShelf()
    shelf.set_finds(finds)
    for each in finds.families:
        for file in each.files:
            assert shelf.file_at(file.path) is file
            shelf.choose(file)
            assert shelf.chosen_family is each
    shelf.choose(msgspec.structs.replace(finds.families[0].files[0], size_bytes=2))  # another file by now
    assert shelf.chosen_family is None
    assert shelf.places == finds.places


def test_only_what_is_new_is_announced(finds: Finds) -> None:
    shelf = ModelShelf()
    changes: list[int] = []
    shelf.families_changed.connect(lambda: changes.append(len(shelf.families)))
    shelf.set_finds(finds)
    shelf.set_finds(finds)
    assert changes == [2]
    shelf.set_finds(msgspec.structs.replace(finds, families=finds.families[:1]))
    shelf.set_finds(msgspec.structs.replace(finds, families=(), places={}))
    assert changes == [2, 1, 0]


def test_an_empty_first_look_is_announced_too() -> None:
    shelf = ModelShelf()
    changes: list[int] = []
    shelf.families_changed.connect(lambda: changes.append(1))
    shelf.set_finds(Finds())
    assert changes == [1]
