"""What is on this computer, as a page lists it and as settings keep it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from llamadesk.core.errors import Problem, ProblemCode
from llamadesk.core.models import ModelFacts, ModelFamily, ModelFile
from llamadesk.core.places import (
    MAX_PATHS,
    Finds,
    Place,
    PlacedFile,
    PlaceGroup,
    Root,
    Unusable,
    Where,
    groups_of,
    paths_from,
    paths_text,
)

FACTS = ModelFacts("llama", "", "Q4_0", 2, 512, 64, 4, 2, 16, 16, 261, 1, 1, 1, 1, has_chat_template=True)
OWN, MINE, OTHER, STUDIO, OLLAMA = (
    Path("/data/models"),
    Path("/disk/a"),
    Path("/disk/b"),
    Path("/lm"),
    Path("/ollama"),
)
PROBLEM = Problem(ProblemCode.MODEL_DAMAGED, "Part 2 of the 3 parts of this model is missing.")


def file(path: Path, family: str = "Llama") -> ModelFile:
    return ModelFile(path, family, 1, 1, FACTS)


@pytest.fixture
def finds() -> Finds:
    here = {
        OWN / "own.gguf": Place(Where.OWN, OWN, is_own=True),
        OLLAMA / "blobs" / "x": Place(Where.APP, OLLAMA, "Ollama", names=("llama3.2:3b",)),
        STUDIO / "s.gguf": Place(Where.APP, STUDIO, "LM Studio"),
        Path("/lm2/t.gguf"): Place(Where.APP, Path("/lm2"), "LM Studio"),
        MINE / "m.gguf": Place(Where.FOLDER, MINE),
        Path("/home/x/d.gguf"): Place(Where.ELSEWHERE, Path("/home/x")),
        Path("/app/starter.gguf"): Place(Where.SHIPPED, Path("/app")),
    }
    return Finds(
        families=(ModelFamily("Llama", tuple(file(path) for path in here)),),
        places=here,
        unusable=(Unusable(MINE / "big-00001-of-00003.gguf", PROBLEM, Where.FOLDER, MINE),),
        roots=(
            Root(Where.OWN, OWN),
            Root(Where.FOLDER, MINE, note="There is more."),
            Root(Where.FOLDER, OTHER, is_there=False),
            Root(Where.APP, STUDIO, "LM Studio"),
            Root(Where.APP, Path("/lm2"), "LM Studio"),
            Root(Where.APP, OLLAMA, "Ollama"),
            Root(Where.APP, Path("/jan"), "Jan"),
        ),
    )


def names(group: PlaceGroup) -> list[str]:
    return [(e.file.path if isinstance(e, PlacedFile) else e.path).name for e in group.entries]


def test_each_place_stands_for_itself_and_an_app_for_all_of_its_folders(finds: Finds) -> None:
    groups = groups_of(finds)
    assert [(group.title, names(group)) for group in groups] == [
        ("LlamaDesk's folder", ["own.gguf"]),
        ("a", ["m.gguf", "big-00001-of-00003.gguf"]),
        ("b", []),  # the person added it, so it is there even where it is not
        ("LM Studio", ["s.gguf", "t.gguf"]),
        ("Ollama", ["x"]),
        ("Elsewhere on this computer", ["d.gguf"]),
        ("Came with LlamaDesk", ["starter.gguf"]),
    ]
    assert groups[1].notes == ("There is more.",)
    assert not groups[2].is_there
    assert groups[3].folders == (STUDIO, Path("/lm2"))
    assert len({group.key for group in groups}) == len(groups)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("q4_0 LLAMA", ["own.gguf", "m.gguf", "s.gguf", "t.gguf", "x", "d.gguf", "starter.gguf"]),
        ("3.2:3b", ["x"]),
        ("00001", ["big-00001-of-00003.gguf"]),
        ("nothing", []),
    ],
)
def test_files_are_found_by_words(finds: Finds, words: str, expected: list[str]) -> None:
    assert [name for group in groups_of(finds, words) for name in names(group)] == expected


def test_before_anything_was_found() -> None:
    assert groups_of(Finds()) == ()


@pytest.mark.skipif(sys.platform == "win32", reason="paths of another kind")
@pytest.mark.parametrize(
    "paths", [(), (Path("/a b"),), (Path("/ü\n“x”"), Path("/\udcff"), Path("/a"))], ids=["none", "one", "odd"]
)
def test_paths_are_kept(paths: tuple[Path, ...]) -> None:
    text = paths_text(paths)
    text.encode()  # goes into the database
    assert paths_from(text) == paths


@pytest.mark.parametrize("text", ["", "x", "{}", '[1, null, [], "relative"]', "[" * 99_999, '["/a\\u0000"]', "5"])
def test_what_names_no_paths(text: str) -> None:
    assert paths_from(text) == ()


@pytest.mark.skipif(sys.platform == "win32", reason="paths of another kind")
def test_paths_are_bounded_and_there_once() -> None:
    assert paths_from('["/a", "/a/", "/b"]') == (Path("/a"), Path("/b"))
    assert len(paths_from(paths_text(Path(f"/{number}") for number in range(1000)))) == MAX_PATHS
