"""What a person typed is shown as it was typed."""

import random

import pytest
from markdown_samples import HOSTILE, elements, random_text

from llamadesk.core.markdown import CodeBlock, Paragraph, Span, TextBlock, parse_plain, plain_text
from llamadesk.core.markdown.source import LINE_LENGTH, clean


def test_lines_and_spaces_stay():
    text = "def f():\n    return 1   # **no** markup\n\n\n  - x\n\tEnd <b> &amp; \\"
    assert plain_text(parse_plain(text)) == text
    assert parse_plain("a\n  b\n\nc") == (TextBlock((Paragraph((Span("a\n  b"),)), Paragraph((Span("c"),)))),)


def test_fences_are_code():
    assert parse_plain("Why?\n```py\nx = 1\n\n  y\n```\nThanks") == (
        TextBlock((Paragraph((Span("Why?"),)),)),
        CodeBlock("py", "x = 1\n\n  y"),
        TextBlock((Paragraph((Span("Thanks"),)),)),
    )
    assert parse_plain("```\nx") == (CodeBlock("", "x"),)


def test_links():
    assert parse_plain("see https://a.b.") == (
        TextBlock((Paragraph((Span("see "), Span("https://a.b", href="https://a.b"), Span("."))),)),
    )


def test_direction():
    first, second = parse_plain("שלום\n\nhello")[0].paragraphs
    assert first.right_to_left and not second.right_to_left


def test_empty_lines_at_the_ends_go():
    assert plain_text(parse_plain("\n\n  a\n\n")) == "  a"
    assert parse_plain("\n\n") == parse_plain("") == ()


def test_a_long_paste_is_cut_and_copies_exactly():
    text = "\n".join(f"{n}: " + "word " * (n % 40) for n in range(3000)).rstrip("\n")
    blocks = parse_plain(text)
    assert len(blocks) > 50
    assert plain_text(blocks) == text


@pytest.mark.parametrize("seed", range(100))
def test_any_text_without_fences_copies_exactly(seed):
    text = random_text(random.Random(seed)).replace("`", "'").replace("~", "-")
    assert plain_text(parse_plain(text)) == text.strip("\n")


@pytest.mark.parametrize("name", [name for name in HOSTILE if name != "fences"])
def test_hostile_texts(name):
    text = HOSTILE[name]
    blocks = parse_plain(text)
    assert all(len(e.text) <= LINE_LENGTH for e in elements(blocks) if isinstance(e, Paragraph))
    if not name.startswith(("backticks", "tildes", "a line of code")):
        assert plain_text(blocks) == clean(text).strip("\n")
