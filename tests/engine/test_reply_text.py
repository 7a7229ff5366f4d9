from __future__ import annotations

import random

import pytest

from llamadesk.engine.text import ReplyText


def feed_all(text: ReplyText, pieces: list[bytes]) -> list[str]:
    return [text.feed(piece) for piece in pieces]


def test_code_points_are_never_shown_in_part() -> None:
    data = "naïve 🦙 漢字 👩‍🚀".encode()
    shown = feed_all(ReplyText(), [bytes([byte]) for byte in data])
    assert "".join(shown) == "naïve 🦙 漢字 👩‍🚀"
    assert "\ufffd" not in "".join(shown)
    assert shown.count("🦙") == 1


def test_bytes_that_are_no_text_become_replacement_characters() -> None:
    text = ReplyText()
    assert "".join(feed_all(text, [b"a\xff", b"b", b"\xe2\x82", b"c"])) == "a\ufffdb\ufffdc"


@pytest.mark.parametrize(("incomplete", "shown"), [(True, "\ufffd"), (False, "")])
def test_a_code_point_without_its_end(incomplete: bool, shown: str) -> None:
    text = ReplyText()
    assert text.feed("é".encode()[:1]) == ""
    assert text.flush(incomplete=incomplete) == shown


def test_a_stop_string_across_tokens_is_not_shown() -> None:
    text = ReplyText(["\nUser:"])
    assert feed_all(text, [b"Yes.", b"\n", b"Us", b"er: no"]) == ["Yes.", "", "", ""]
    assert text.stopped
    assert text.feed(b"more") == ""
    assert text.flush() == ""


def test_what_only_began_like_a_stop_string_is_shown() -> None:
    text = ReplyText(["STOP"])
    assert feed_all(text, [b"ST", b"ART ", b"STO"]) == ["", "START ", ""]
    assert not text.stopped
    assert text.flush() == "STO"


def test_the_first_of_several_stop_strings_counts() -> None:
    text = ReplyText(["", "end", "b"])
    assert text.feed(b"abc end") == "a"
    assert text.stopped


def test_however_a_text_is_cut_the_same_is_shown() -> None:
    chance = random.Random(5)
    data = "aab aaab 🦙 aaac ab".encode()
    for _ in range(300):
        cuts = sorted(chance.sample(range(len(data)), chance.randint(0, 8)))
        pieces = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
        text = ReplyText(["aaac"])
        shown = "".join(feed_all(text, pieces)) + text.flush()
        assert shown == "aab aaab 🦙 "
        assert text.stopped
