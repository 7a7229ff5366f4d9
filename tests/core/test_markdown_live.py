"""A reply that is read while it is written ends up as if read at once, and costs no more for being long."""

import random

import pytest
from markdown_samples import HOSTILE, random_split, random_text

from llamadesk.core.markdown import CodeBlock, LiveDocument, Paragraph, TableBlock, TextBlock, leaves, parse
from llamadesk.core.markdown.source import LINE_LENGTH


def stream(parts):
    """The document after all parts, having checked what each change promises."""
    document = LiveDocument()
    shown = []
    for part in parts:
        change = document.append(part)
        assert all(new is old for new, old in zip(document.blocks[: change.first_changed], shown, strict=False))
        assert change.first_changed <= len(shown)
        shown = list(document.blocks)
    change = document.finish()
    assert all(new is old for new, old in zip(document.blocks[: change.first_changed], shown, strict=False))
    return document


@pytest.mark.parametrize("seed", range(300))
def test_streamed_is_as_parsed(seed):
    rng = random.Random(seed)
    text = random_text(rng)
    if seed % 4 == 0:
        text = text.replace("\n", "\r\n")
    if seed % 10 == 0:
        text += " long" * rng.randint(700, 2500) + rng.choice(["", "\n"]) + random_text(rng)
    parts = random_split(rng, text, shortest=60 if len(text) > 3000 else 1)
    assert tuple(stream(parts).blocks) == parse(text)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_streamed_is_as_parsed(name):
    text = HOSTILE[name][:30_000]
    parts = [text[start : start + 997] for start in range(0, len(text), 997)]
    assert tuple(stream(parts).blocks) == parse(text)


def test_settled_blocks_are_left_alone():
    document = LiveDocument()
    document.append("```\ncode\n```\n\n| a |\n|---|\n| b |\n\n")
    first, second, *_ = document.blocks
    change = document.append("More and ")
    assert document.blocks[0] is first and document.blocks[1] is second
    assert change.first_changed == 2
    change = document.append("more.")
    assert change.first_changed == 2
    assert document.blocks[2].plain_text == "More and more."


def test_paragraphs_that_are_settled_stay_the_same_objects():
    document = LiveDocument()
    document.append("one\n\ntwo\n\nthr")
    (before,) = document.blocks
    document.append("ee")
    (after,) = document.blocks
    assert [paragraph.text for paragraph in after.paragraphs] == ["one", "two", "three"]
    assert all(new is old for new, old in zip(after.paragraphs[:2], before.paragraphs, strict=False))


def test_an_append_that_shows_nothing_new_changes_nothing():
    document = LiveDocument()
    document.append("text")
    assert document.append("").first_changed == 1
    assert document.append("\n").first_changed == 1


def test_open_code_is_not_closed():
    document = LiveDocument()
    document.append("```py\nx = 1\n")
    assert document.blocks == [CodeBlock("py", "x = 1", closed=False)]
    document.append("y = 2")
    assert document.blocks == [CodeBlock("py", "x = 1\ny = 2", closed=False)]
    document.append("\n``")
    assert document.blocks == [CodeBlock("py", "x = 1\ny = 2", closed=False)], "half a closing fence is not shown"
    document.append("`\n")
    assert document.blocks == [CodeBlock("py", "x = 1\ny = 2")]


def test_finish_closes_code():
    document = LiveDocument()
    document.append("```\nx")
    document.finish()
    assert document.blocks == [CodeBlock("", "x")]


@pytest.mark.parametrize("undecided", ["-", "--", "#", "##", "1", "1.", "`", "```", "```py", "===", "> -", "- "])
def test_what_may_become_markup_waits(undecided):
    document = LiveDocument()
    document.append("Title\n\nText\n")
    before = list(document.blocks)
    assert document.append(undecided).first_changed == 1
    assert document.blocks == before
    document.finish()
    assert tuple(document.blocks) == parse("Title\n\nText\n" + undecided), "but it is not lost"


def test_the_first_lines_of_a_table_wait():
    document = LiveDocument()
    for part in ("| a | b |", "\n", "|--", "-|---|"):
        document.append(part)
        assert document.blocks == []
    document.append("\n| c")
    (table,) = document.blocks
    assert isinstance(table, TableBlock)
    assert table.plain_text == "a\tb\nc\t"


def test_a_line_break_in_two_halves():
    document = LiveDocument()
    document.append("one\r")
    document.append("\ntwo")
    document.finish()
    assert tuple(document.blocks) == parse("one\ntwo")


def test_numbers_go_on():
    document = LiveDocument()
    for number in range(1, 200):
        document.append(f"{number}. item\n")
    document.finish()
    markers = [p.marker for block in document.blocks if isinstance(block, TextBlock) for p in block.paragraphs]
    assert markers == [f"{number}." for number in range(1, 200)]


REPLIES = {
    "prose": "Some **bold** words and `code`, and so on and on. " * 6 + "\n\n",
    "one list": "- an item with **bold** text\n",
    "one nested list": "    - an item deep down\n",
    "one table": "| a | b | c |\n",
    "one code block": "    x = compute(1, 2)\n",
    "one quote": "> said the one to the other\n",
    "one line": "and so on and on ",
    "one word": "abcdefghij",
}
OPENINGS = {
    "one table": "| a | b | c |\n|---|---|---|\n",
    "one code block": "```py\n",
    "one nested list": "1. a\n    - b\n",
}


@pytest.mark.parametrize("kind", REPLIES)
def test_an_append_reads_no_more_for_a_long_reply(kind, monkeypatch):
    """What is read as Markdown at each append, in characters: bounded, however long the reply has become."""
    read = []
    real = leaves.spans

    def counting(text):
        read[-1] += len(text)
        return real(text)

    monkeypatch.setattr(leaves, "spans", counting)
    text = OPENINGS.get(kind, "") + REPLIES[kind] * (120_000 // len(REPLIES[kind]))
    document = LiveDocument()
    parts = [text[start : start + 40] for start in range(0, len(text), 40)]
    for part in parts:
        read.append(0)
        document.append(part)
    assert max(read) <= 2 * (LINE_LENGTH + 400)
    assert sum(read[-500:]) <= 2 * sum(read[500:1000]) + 100 * LINE_LENGTH


def test_paragraphs_are_values():
    assert Paragraph(()) == Paragraph(()) and hash(Paragraph(())) == hash(Paragraph(()))
