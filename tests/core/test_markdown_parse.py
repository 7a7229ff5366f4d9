"""Markdown to blocks: what people see of a whole message."""

import random

import pytest
from markdown_samples import (
    HOSTILE,
    elements,
    random_plain_text,
    random_text,
    reference_elements,
    without_direction,
    words_of,
)

from llamadesk.core.markdown import (
    TEXT_BLOCK_LENGTH,
    Alignment,
    CodeBlock,
    Paragraph,
    RuleBlock,
    Span,
    Style,
    TableBlock,
    TextBlock,
    inline,
    parse,
    plain_text,
)
from llamadesk.core.markdown.reader import MAX_DEPTH
from llamadesk.core.markdown.source import LINE_LENGTH


def paragraphs(text):
    return [element for element in elements(parse(text)) if isinstance(element, Paragraph)]


def shown(text):
    """(indent, marker, quote, level, characters) of each paragraph."""
    return [(p.indent, p.marker, p.quote, p.level, p.text) for p in paragraphs(text)]


def the_spans(text):
    (only,) = paragraphs(text)
    return only.spans


# --- Blocks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(600))
def test_blocks_are_commonmarks(seed):
    """Our block reader against the one of markdown-it, which cannot read a text as it comes in."""
    text = random_plain_text(random.Random(seed))
    ours = [without_direction(element) for element in elements(parse(text))]
    theirs = reference_elements(text)
    for found in (ours, theirs):
        if found and isinstance(found[-1], CodeBlock):
            found[-1] = found[-1].text.strip()
    assert ours == theirs


def test_headings():
    assert shown("# One\n### Three ###\nUnder\n===\nline\n---\n#hashtag") == [
        (0, "", 0, 1, "One"),
        (0, "", 0, 3, "Three"),
        (0, "", 0, 1, "Under"),
        (0, "", 0, 2, "line"),
        (0, "", 0, 0, "#hashtag"),
    ]


def test_nested_lists():
    assert shown("- a\n  - b\n    1. c\n    2. d\n\n       more\n- e\n\n5) f\n6) g") == [
        (1, "•", 0, 0, "a"),
        (2, "◦", 0, 0, "b"),
        (3, "1.", 0, 0, "c"),
        (3, "2.", 0, 0, "d"),
        (3, "", 0, 0, "more"),
        (1, "•", 0, 0, "e"),
        (1, "5)", 0, 0, "f"),
        (1, "6)", 0, 0, "g"),
    ]


def test_tasks():
    assert shown("- [ ] open\n- [x] done\n- [X] done\n- [y] no task\n[ ] no item") == [
        (1, "☐", 0, 0, "open"),
        (1, "☑", 0, 0, "done"),
        (1, "☑", 0, 0, "done"),
        (1, "•", 0, 0, "[y] no task\n[ ] no item"),
    ]


def test_quotes():
    assert shown("> a\nlazy\n> > deep\n>\n> - item") == [
        (0, "", 1, 0, "a\nlazy"),
        (0, "", 2, 0, "deep"),
        (1, "•", 1, 0, "item"),
    ]


def test_an_empty_item_is_shown():
    assert shown("1. a\n2.\n3. c") == [(1, "1.", 0, 0, "a"), (1, "2.", 0, 0, ""), (1, "3.", 0, 0, "c")]


def test_code_in_a_list_keeps_its_item():
    assert parse("1. Do:\n   ```sh\n   ls\n     -l\n   ```\n2. Then") == (
        TextBlock((Paragraph((Span("Do:"),), indent=1, marker="1."),)),
        CodeBlock("sh", "ls\n  -l", indent=1),
        TextBlock((Paragraph((Span("Then"),), indent=1, marker="2."),)),
    )


def test_a_year_at_the_start_of_a_line_is_no_list():
    assert shown("It was in\n1986. A good year") == [(0, "", 0, 0, "It was in\n1986. A good year")]


def test_code_is_exact():
    code = "\tif x:\n\n  \t y  \n#include <a>\n**no** `markup` &amp; \\"
    assert parse(f"```c++ title=x\n{code}\n```\n") == (CodeBlock("c++", code),)
    assert parse(f"~~~\n{code}\n```\n~~~") == (CodeBlock("", code + "\n```"),)
    assert parse("    a\n\n      b\n\nc")[0] == CodeBlock("", "a\n\n  b")


def test_code_without_an_end_goes_to_the_end():
    assert parse("```py\nx\n\n# y") == (CodeBlock("py", "x\n\n# y"),)


def test_rules_and_tables():
    text = "***\n| a | b \\| c |\n|:--|:-:|\n| **1** | 2 | 3 |\n| 4 |\n\nafter"
    rule, table, after = parse(text)
    assert rule == RuleBlock()
    assert table == TableBlock(
        (Alignment.LEFT, Alignment.CENTER),
        ((Span("a"),), (Span("b | c"),)),
        (((Span("1", Style.BOLD),), (Span("2 | 3"),)), ((Span("4"),), ())),
    )
    assert after.plain_text == "after"


def test_a_table_needs_as_many_columns_in_both_lines():
    assert shown("| a | b |\n|---|")[0][4] == "| a | b |\n|---|"


def test_a_table_after_a_line_of_text():
    before, table = parse("Look:\n| a |\n|---|\n| b |")
    assert before.plain_text == "Look:"
    assert table.plain_text == "a\nb"


def test_a_long_table_is_cut():
    tables = parse("|a|b|\n|-|-|\n" + "".join(f"|{n}|x|\n" for n in range(150)))
    assert [(len(table.rows), table.continues) for table in tables] == [(60, False), (60, True), (30, True)]
    assert plain_text(tables) == "a\tb\n" + "\n".join(f"{n}\tx" for n in range(150))


def test_a_wide_table_is_cut_sooner():
    tables = parse(HOSTILE["wide table"])
    assert {len(table.rows) * len(table.header) for table in tables[:-1]} == {400}


def test_text_is_cut_into_blocks():
    blocks = parse("\n\n".join("word " * 30 for _ in range(100)))
    assert len(blocks) > 10
    assert all(len(block.plain_text) <= TEXT_BLOCK_LENGTH + 100 for block in blocks)


# --- Inlines --------------------------------------------------------------------------------------------------------


def test_styles():
    assert the_spans("a **b *c*** `d` ~~e~~ **`f`**") == (
        Span("a "),
        Span("b ", Style.BOLD),
        Span("c", Style.BOLD | Style.ITALIC),
        Span(" "),
        Span("d", Style.CODE),
        Span(" "),
        Span("e", Style.STRIKE),
        Span(" "),
        Span("f", Style.BOLD | Style.CODE),
    )


def test_line_breaks_stay():
    assert the_spans("roses  \nviolets\\\n  sugar\nyou")[0].text == "roses\nviolets\nsugar\nyou"
    assert the_spans("roses \n  violets") == (Span("roses\nviolets"),)


def test_html_is_text():
    assert the_spans("<b>x</b><br>&lt;i>") == (Span("<b>x</b><br><i>"),)
    assert shown("<div>\n<script>alert(1)</script>\n</div>")[0][4] == "<div>\n<script>alert(1)</script>\n</div>"


@pytest.mark.parametrize("target", ["https://a.b/c?d=e&f#g", "http://a.b", "mailto:a@b.c", "HTTPS://A.B"])
def test_links(target):
    assert the_spans(f"[x **y**]({target})") == (Span("x ", href=target), Span("y", Style.BOLD, target))


@pytest.mark.parametrize(
    "target",
    [
        *("javascript:alert(1)", "file:///etc/passwd", "file://host/share", "data:text/html,x", "ftp://a", "a.md"),
        *("vbscript:x", "//host/x", r"\\\\host\\share", "java&#10;script:x", "smb://h/s", "about:blank", "#top"),
    ],
)
def test_other_targets_are_text(target):
    spans = the_spans(f"[label]({target})")
    assert not any(span.href for span in spans)
    assert spans[0].text.startswith("label (")


@pytest.mark.parametrize("target", ["http://a/b.png", "file:///dev/zero", "data:image/png;base64,AAAA", r"\\\\host\\x"])
def test_images_are_their_words(target):
    assert the_spans(f"see ![a cat]({target}) there") == (Span("see [image: a cat] there"),)


def test_reference_links_are_text():
    assert plain_text(parse("[a][b]\n\n[b]: https://c.d 'title'")) == "[a][b]\n\n[b]: https://c.d 'title'"


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("see https://a.b/c_d_e.", "https://a.b/c_d_e"),
        ("(https://en.wikipedia.org/wiki/Foo_(bar))", "https://en.wikipedia.org/wiki/Foo_(bar)"),
        ("http://a.b, and", "http://a.b"),
        ("**https://a.b**", "https://a.b"),
        ("보기 https://a.b。", "https://a.b"),
        ("<https://a.b/?x>", "https://a.b/?x"),
    ],
)
def test_bare_links(text, link):
    assert [span.href for span in the_spans(text) if span.href] == [link]


def test_no_links_in_code():
    assert the_spans("`https://a.b`") == (Span("https://a.b", Style.CODE),)


def test_a_long_paragraph_is_read_in_portions_as_if_at_once():
    for seed in range(200):
        rng = random.Random(seed)
        words = [
            rng.choice(["**{}**", "*{}*", "`{}`", "[{}](https://a.b)", "{}_x", "**{}", "{}", "{}", "{}"]).format("word")
            if rng.random() < 0.1
            else "plain"
            for _ in range(rng.randint(100, 500))
        ]
        text = "".join(word + rng.choice([" ", " ", "  ", "\n", "  \n"]) for word in words).strip()
        if inline._is_hostile(text):
            continue
        at_once = tuple(inline._with_bare_links(inline._merged(inline._spans_of(inline._tokens(text)))))
        assert inline.spans(text) == at_once


@pytest.mark.allow_log("could not be read as Markdown: IndexError")
def test_a_fault_of_the_inline_reader_loses_nothing(monkeypatch):
    def broken(text):
        raise IndexError

    monkeypatch.setattr(inline, "_tokens", broken)
    assert inline.spans("some **text**") == (Span("some **text**"),)


@pytest.mark.parametrize(
    ("text", "right_to_left"),
    [
        ("hello سلام", False),
        ("سلام hello", True),
        ("123 שלום", True),
        ("**שלום** x", True),
        ("- שלום", True),
        ("12 + 3", False),
        ("漢字 سلام", False),
    ],
)
def test_direction_is_that_of_the_first_strong_character(text, right_to_left):
    assert paragraphs(text)[0].right_to_left is right_to_left


# --- Whatever comes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(300))
def test_no_word_is_lost(seed):
    text = random_text(random.Random(seed), inlines=False)
    languages = " ".join(block.language for block in parse(text) if isinstance(block, CodeBlock))
    found = set(words_of(plain_text(parse(text)) + " " + languages))
    after_fences = {word for line in text.split("\n") if "```" in line or "~~~" in line for word in words_of(line)}
    assert set(words_of(text)) - after_fences <= found


@pytest.mark.parametrize("seed", range(200))
def test_any_characters_can_be_read(seed):
    rng = random.Random(seed)
    alphabet = "ab \n\t\r*_`~#>-+.|:[]()!<>&;\\\"'0129\0\x1b\x7f\x85\u2028\u2029\ud800\udfff\u200d\u0301漢שس🙂"
    text = "".join(rng.choice(alphabet) for _ in range(rng.randint(0, 400)))
    found = plain_text(parse(text))
    found.encode("utf-8")
    assert not set(found) & set("\0\r\x1b\x7f\x85\u2028\u2029")
    assert text.count("a") == found.count("a") or "```" in text or "~~~" in text


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_are_tamed(name):
    for element in elements(parse(HOSTILE[name])):
        if isinstance(element, Paragraph):
            assert len(element.text) <= 2 * LINE_LENGTH
            assert element.indent + element.quote <= MAX_DEPTH
            assert not set(element.text) & set("\0\x1b\u2028")
        elif isinstance(element, TableBlock):
            assert (len(element.rows)) * len(element.header) <= 400


@pytest.mark.parametrize("name", ["unspaced", "one spaced line", "emphasis", "brackets", "combining", "html"])
def test_what_is_cut_copies_exactly(name):
    text = HOSTILE[name]
    assert plain_text(parse(text)) == text.strip()


def test_characters_of_several_code_points_are_not_cut():
    family = "👩\u200d👩\u200d👧"
    for paragraph in paragraphs(family * 3000):
        assert paragraph.text.startswith("👩") and not paragraph.text.endswith("\u200d")
    for paragraph in paragraphs("e\u0301" * 5000):
        assert paragraph.text.startswith("e")


def test_controls_are_shown():
    assert plain_text(parse("\x1b[31mred\x00\x7f\ud83d")) == "␛[31mred\ufffd␡\ufffd"


def test_nothing():
    assert parse("") == parse("\n \n\t\n") == ()
