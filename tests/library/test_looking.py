"""One look at all places at once, with the trees that other apps leave."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from gguf_files import Shape
from model_trees import OllamaTree, add_to_hub_cache, write_set

from llamadesk.core.places import Finds, Wanted, Where
from llamadesk.library import looking
from llamadesk.library import scan as scan_module
from llamadesk.library.looking import Looker, sort_out

SHAPE = Shape(n_layers=1)
needs_links = pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")


def made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def model(path: Path, name: str = "Tiny") -> Path:
    """Another name, another content."""
    return SHAPE.write(made(path.parent) / path.name, general__name=name)


class Computer:
    """A home with other apps, and LlamaDesk's own folder."""

    def __init__(self, root: Path) -> None:
        self.home = made(root / "home")
        self.own = root / "data" / "models"
        self.studio = self.home / ".lmstudio" / "models"
        self.ollama = self.home / ".ollama" / "models"
        self.looker = Looker(root / "data" / "seen", self.home, {})

    def look(self, **more: object) -> Finds:
        return self.looker.look(Wanted(self.own, **more))  # type: ignore[arg-type]


@pytest.fixture
def computer(tmp_path: Path) -> Computer:
    return Computer(tmp_path)


def test_each_file_is_of_the_place_where_it_lies(computer: Computer, tmp_path: Path) -> None:
    own = model(computer.own / "own.gguf", "Own")
    theirs = model(computer.studio / "publisher" / "Their-GGUF" / "their.gguf", "Theirs")
    blob = OllamaTree(computer.ollama).add("registry.ollama.ai/library/llama3.2/3b", model(tmp_path / "o", "Ollama's"))
    mine = model(tmp_path / "disk" / "mine.gguf", "Mine")
    opened = model(tmp_path / "Downloads" / "opened.gguf", "Opened")
    starter = model(tmp_path / "app" / "starter.gguf", "Starter")
    finds = computer.look(folders=(mine.parent,), files=(opened,), starter=starter)
    found = {path: (place.where, place.folder, place.app, place.is_own) for path, place in finds.places.items()}
    assert found == {
        own: (Where.OWN, computer.own, "", True),
        theirs: (Where.APP, computer.studio, "LM Studio", False),
        blob: (Where.APP, computer.ollama, "Ollama", False),
        mine: (Where.FOLDER, mine.parent, "", False),
        opened: (Where.ELSEWHERE, opened.parent, "", False),
        starter: (Where.SHIPPED, starter.parent, "", False),
    }
    assert finds.places[blob].names == ("llama3.2:3b",)
    assert [path for path, place in finds.places.items() if place.is_listed] == [opened]
    assert finds.unusable == ()


def test_other_apps_are_left_alone_where_that_is_wanted_and_own_what_is_theirs_all_the_same(
    computer: Computer,
) -> None:
    theirs = model(computer.studio / "a" / "b" / "their.gguf")
    assert computer.look(other_apps=False).places == {}
    place = computer.look(other_apps=False, chosen=theirs).places[theirs]  # which the person opened
    assert (place.app, place.is_own) == ("LM Studio", False)


def test_copies_are_one_file_and_it_is_said_where_they_are(computer: Computer, tmp_path: Path) -> None:
    own = model(computer.own / "m-Q8_0.gguf")
    copy = model(computer.studio / "a" / "b" / "m-Q8_0.gguf")
    (cached,) = add_to_hub_cache(
        computer.home / ".cache" / "huggingface" / "hub", "a/b", "0" * 40, [own], links=sys.platform != "win32"
    )
    finds = computer.look()
    assert list(finds.places) == [own]
    assert finds.places[own].copies == (copy, cached)
    assert finds.places[own].also_in == ("LM Studio", "Hugging Face")
    assert list(computer.look(chosen=copy).places) == [copy]  # by the path that the person chose


@needs_links
def test_a_link_in_our_folder_does_not_make_a_file_ours(computer: Computer, tmp_path: Path) -> None:
    theirs = model(computer.studio / "a" / "b" / "their.gguf", "Theirs")
    far = model(tmp_path / "far" / "far.gguf", "Far")
    (made(computer.own) / "link.gguf").symlink_to(theirs)
    (computer.own / "far").symlink_to(far.parent)
    finds = computer.look()
    link, through = finds.places[computer.own / "link.gguf"], finds.places[computer.own / "far" / "far.gguf"]
    assert (link.where, link.app, link.is_own) == (Where.OWN, "LM Studio", False)
    assert (through.where, through.app, through.is_own) == (Where.OWN, "", False)


@needs_links
def test_nothing_is_ours_where_our_folder_is_another_app_s(computer: Computer) -> None:
    model(computer.studio / "a" / "b" / "their.gguf")
    made(computer.own.parent)
    computer.own.symlink_to(computer.studio)
    (place,) = computer.look().places.values()
    assert (place.app, place.is_own) == ("LM Studio", False)


@needs_links
def test_what_is_ours_stays_ours_behind_a_link(tmp_path: Path) -> None:
    made(tmp_path / "real")
    (tmp_path / "linked").symlink_to(tmp_path / "real")
    computer = Computer(tmp_path / "linked")
    model(computer.own / "own.gguf")
    (place,) = computer.look().places.values()
    assert place.is_own


def test_a_folder_of_the_person_inside_another_app_s_makes_nothing_theirs(computer: Computer) -> None:
    theirs = model(computer.studio / "a" / "b" / "their.gguf")
    place = computer.look(folders=(theirs.parent,)).places[theirs]
    assert (place.where, place.folder, place.app) == (Where.FOLDER, theirs.parent, "LM Studio")


def test_incomplete_sets_and_damaged_files_are_explained_where_they_lie(computer: Computer, tmp_path: Path) -> None:
    write_set(made(computer.studio / "a" / "b"), "big", 3, SHAPE)[1].unlink()
    cut = model(computer.own / "cut.gguf")
    os.truncate(cut, cut.stat().st_size - 100)
    for path in (*computer.studio.rglob("*.gguf"), cut):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    found = {each.path.name: each for each in computer.look().unusable}
    assert found["big-00001-of-00003.gguf"].problem.title == "Part 2 of the 3 parts of this model is missing."
    assert (found["big-00001-of-00003.gguf"].where, found["big-00001-of-00003.gguf"].app) == (Where.APP, "LM Studio")
    assert found["cut.gguf"].where is Where.OWN
    assert not any(each.is_arriving for each in found.values())


def test_a_file_that_is_being_written_is_no_damaged_one(computer: Computer) -> None:
    arriving = model(computer.own / "m.gguf")
    whole = arriving.read_bytes()
    arriving.write_bytes(whole[: len(whole) // 2])
    (each,) = computer.look().unusable
    assert each.is_arriving
    arriving.write_bytes(whole)
    assert list(computer.look().places) == [arriving]


def test_a_drive_that_is_away(computer: Computer, tmp_path: Path) -> None:
    model(tmp_path / "disk" / "m.gguf")
    wanted = {"folders": (tmp_path / "disk",), "files": (tmp_path / "disk" / "m.gguf",)}
    assert computer.look(**wanted).places
    (tmp_path / "disk").rename(tmp_path / "away")
    assert computer.looker.has_changed(())
    finds = computer.look(**wanted)
    assert (finds.places, finds.unusable) == ({}, ())
    assert [root.is_there for root in finds.roots if root.where is Where.FOLDER] == [False]
    assert not computer.looker.has_changed(())
    (tmp_path / "away").rename(tmp_path / "disk")
    assert computer.looker.has_changed(())


def test_a_download_beside_models_is_no_change_until_it_is_whole(computer: Computer) -> None:
    model(computer.own / "a" / "m.gguf")
    finds = computer.look()
    touched = finds.folders
    assert computer.own / "a" in touched
    for name in ("n.gguf.part", "n.gguf.part.json", "n.gguf.incomplete", ".hidden"):
        (computer.own / "a" / name).write_bytes(b"x" * 5000)
        assert not computer.looker.has_changed(touched), name
    (computer.own / "a" / "n.gguf.part").rename(computer.own / "a" / "n.gguf")
    assert computer.looker.has_changed(touched)
    assert not computer.looker.has_changed(())


def test_ollama_getting_a_model_is_noticed(computer: Computer, tmp_path: Path) -> None:
    tree = OllamaTree(computer.ollama)
    tree.add("registry.ollama.ai/library/llama3.2/3b", model(tmp_path / "one", "One"))
    touched = computer.look().folders
    tree.blob(b"a download" * 1000)
    assert not computer.looker.has_changed(touched)
    tree.add("registry.ollama.ai/library/other/latest", model(tmp_path / "two", "Two"))
    assert computer.looker.has_changed(touched)
    touched = computer.look().folders
    tree.add("registry.ollama.ai/library/other/8b", model(tmp_path / "two", "Two"))
    assert computer.looker.has_changed(touched)


def test_folders_are_bounded_and_the_roots_come_first(computer: Computer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "MAX_FOLDERS", 3)
    for index in range(5):
        made(computer.own / f"{index}")
    made(computer.studio)
    assert computer.look().folders == (computer.own, computer.studio, computer.own / "0")


def test_what_was_seen_is_kept(computer: Computer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model(computer.own / "m.gguf")
    first = computer.look()
    scan_module._read.cache_clear()
    monkeypatch.setattr("llamadesk.library.scan.read_whole_header", None)  # no header is read again
    assert Looker(tmp_path / "data" / "seen", computer.home, {}).look(Wanted(computer.own)) == first


def test_things_are_told_apart_by_what_is_in_them(tmp_path: Path) -> None:
    odd = model(tmp_path / "llama-2-7b-chat.GGUF.q4_0.bin")
    plain = model(tmp_path / "model")
    as_text = model(tmp_path / "model.txt")
    empty = tmp_path / "empty.gguf"
    empty.touch()
    old = tmp_path / "old.bin"
    old.write_bytes(b"tjgg" + bytes(100))
    weights = tmp_path / "pytorch_model.bin"
    weights.write_bytes(b"PK\x03\x04")
    text = tmp_path / "poem.txt"
    text.write_text("GG")
    folder = made(tmp_path / "folder.gguf")
    missing = tmp_path / "missing"
    paths = [odd, plain, text, as_text, empty, old, weights, folder, missing, odd]
    brought = sort_out(paths)
    assert brought.models == (odd, plain, as_text, empty, old)
    assert brought.folders == (folder,)
    assert brought.others == (text, weights, missing)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_pipes_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert sort_out([tmp_path / "pipe"]).others == (tmp_path / "pipe",)


def test_a_set_knows_its_parts(computer: Computer) -> None:
    parts = write_set(made(computer.own), "big", 3, SHAPE)
    (place,) = computer.look().places.values()
    assert place.parts == tuple(parts)
    assert place.is_own
