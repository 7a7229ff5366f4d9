"""The file of a repository that the catalogue means: found where it is certain, and never guessed."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from llamadesk.core.catalogue import HubSource
from llamadesk.core.gguf_sets import whole_name
from llamadesk.core.hub import HubFile, HubFileKind, HubPart
from llamadesk.core.hub_match import file_for

SOURCE = HubSource("TheBloke/Llama-2-7B-Chat-GGUF", "llama-2-7b-chat.{}.gguf", ("Q4_0", "Q8_0"))


def hub_file(path: str, n_there: int = 1, n_parts: int = 1, kind: HubFileKind = HubFileKind.MODEL) -> HubFile:
    parts = tuple(HubPart(f"{path}{number or ''}", 10, "") for number in range(n_there))
    return HubFile(SOURCE.repository, "main", path, parts, n_parts, kind)


@pytest.mark.parametrize(
    "path",
    [
        "llama-2-7b-chat.Q4_0.gguf",
        "Llama-2-7B-Chat.Q4_0.gguf",
        "Q4_0/llama-2-7b-chat.Q4_0.gguf",
    ],
)
def test_a_file_is_found_by_its_name(path: str) -> None:
    files = [hub_file("llama-2-7b-chat.Q8_0.gguf"), hub_file(path)]
    assert file_for(SOURCE, "Q4_0", files) == files[1]


def test_a_set_of_parts_is_found_by_the_name_that_it_would_have_as_one() -> None:
    whole = hub_file("Q8_0/llama-2-7b-chat.Q8_0-00001-of-00002.gguf", 2, 2)
    assert file_for(SOURCE, "Q8_0", [hub_file("llama-2-7b-chat.Q4_0.gguf"), whole]) == whole
    part = hub_file("Q8_0/llama-2-7b-chat.Q8_0-00001-of-00002.gguf", 1, 2)
    assert file_for(SOURCE, "Q8_0", [part]) == part  # the downloads tell that the rest is missing


def test_the_very_path_goes_before_what_is_alike() -> None:
    files = [hub_file("old/llama-2-7b-chat.Q4_0.gguf"), hub_file("llama-2-7b-chat.Q4_0.gguf")]
    assert file_for(SOURCE, "Q4_0", files) == files[1]


@pytest.mark.parametrize(
    "files",
    [
        [],
        [hub_file("llama-2-7b-chat.Q8_0.gguf")],
        [hub_file("llama-2-7b-chat-hf.Q4_0.gguf")],
        [hub_file("a/llama-2-7b-chat.Q4_0.gguf"), hub_file("b/llama-2-7b-chat.Q4_0.gguf")],
        [hub_file("llama-2-7b-chat.Q4_0.gguf", kind=HubFileKind.PROJECTOR)],
    ],
    ids=["none", "another", "renamed", "two", "no model"],
)
def test_what_is_not_certain_is_not_guessed(files: list[HubFile]) -> None:
    assert file_for(SOURCE, "Q4_0", files) is None


def test_the_name_of_a_whole_model() -> None:
    assert whole_name(PurePosixPath("a/b-00001-of-00003.gguf")) == "b.gguf"
    assert whole_name(PurePosixPath("a/b-1-of-3.gguf")) == "b-1-of-3.gguf"
