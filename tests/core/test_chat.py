"""Titles, and the figures of a reply."""

import random

import pytest

from llamadesk.core.chat import TITLE_LENGTH, ReplyStats, title_from


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("What is the capital of France?", "What is the capital of France?"),
        ("\n\n  two\twords \nmore", "two words"),
        ("# **Heading**", "Heading"),
        ("> `quoted`", "quoted"),
        ("", "New chat"),
        (" \n\t\n", "New chat"),
        ("***", "New chat"),
        ("가나다 漢字 سلام", "가나다 漢字 سلام"),
    ],
)
def test_title(text, title):
    assert title_from(text) == title


def test_a_long_title_ends_after_a_word():
    title = title_from("word " * 50)
    assert title == "word " * 11 + "word…"
    assert len(title) <= TITLE_LENGTH


def test_a_long_word_is_cut():
    assert title_from("x" * 500) == "x" * (TITLE_LENGTH - 1) + "…"


def test_a_short_word_before_a_long_one_is_not_all_that_stays():
    assert title_from("A " + "x" * 500) == "A " + "x" * (TITLE_LENGTH - 3) + "…"


def test_any_text_gives_one_short_line():
    rng = random.Random(3)
    for _ in range(500):
        text = "".join(rng.choice("ab #*_`>\n\r\t.,;漢ש🙂\u2028\x0b") for _ in range(rng.randint(0, 200)))
        title = title_from(text)
        assert 0 < len(title) <= TITLE_LENGTH
        assert len(title.splitlines()) == 1


def test_a_huge_text_is_not_read_through():
    assert title_from("\n" * 1_000_000 + "late") == "New chat"


@pytest.mark.parametrize(
    ("stats", "speed"),
    [
        (ReplyStats(n_generated=101, decode_seconds=4.0), 25.0),
        (ReplyStats(n_generated=1, decode_seconds=1.0), 0.0),
        (ReplyStats(), 0.0),
        (ReplyStats(n_generated=9, decode_seconds=0.0), 0.0),
    ],
)
def test_tokens_per_second(stats, speed):
    assert stats.tokens_per_second == speed
