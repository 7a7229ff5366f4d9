"""Texts for the Markdown tests: random ones, hostile ones, and what markdown-it makes of them by itself."""

from __future__ import annotations

import random
import re

from markdown_it import MarkdownIt

from llamadesk.core.markdown import CodeBlock, Paragraph, RuleBlock, TextBlock
from llamadesk.core.markdown.inline import spans
from llamadesk.core.markdown.lines import task

WORDS = ["alpha", "beta", "gamma", "delta", "omega", "pi", "rho", "sigma", "가나다", "漢字", "سلام", "שלום", "é", "🙂"]
STARTS = [
    *("", "", "", "", "", "- ", "- ", "* ", "+ ", "1. ", "2. ", "3) ", "10. ", "> ", "> ", ">", "# ", "### "),
    *("```", "~~~", "```py", "---", "***", "===", "    ", "  ", "   ", "      ", "- - ", "> - ", "> 1. ", "1. > "),
    *("- > ", "-", "1.", "-\t", "\t", "- [ ] ", "- [x] ", "> > ", "- ```", "   ```", "  ```", "-     "),
]
INLINES = [
    "**{}**",
    "*{}*",
    "`{}`",
    "[{}](https://e.org/a)",
    "~~{}~~",
    "<b>{}",
    "{}_x",
    "**{}",
    "`{}",
    "[{}]",
    "\\*{}",
    "&amp;{}",
]


def random_line(rng: random.Random, inlines: bool) -> str:
    if rng.random() < 0.25:
        return rng.choice(["", "", "", "  ", ">", "\t"])
    words = [rng.choice(WORDS) for _ in range(rng.randint(0, 4))]
    if inlines:
        words = [rng.choice(INLINES).format(word) if rng.random() < 0.4 else word for word in words]
    return " " * rng.choice([0, 0, 0, 0, 1, 2, 3, 4, 5, 6]) + rng.choice(STARTS) + " ".join(words)


def random_plain_text(rng: random.Random) -> str:
    """Without what markdown-it itself reads differently from CommonMark's own parser: a lazy continuation or the line
    of a quote that is indented by four columns, and blank lines at the end of code."""
    starts = [start for start in STARTS if not start.startswith(("    ", "\t", "   `", "  `")) and "~" not in start]
    lines = []
    for _ in range(rng.randint(1, 12)):
        words = " ".join(rng.choice(WORDS) for _ in range(rng.randint(1, 4)))
        indent = " " * rng.choice([0, 0, 0, 0, 1, 2, 3])
        lines.append("" if rng.random() < 0.25 else indent + rng.choice(starts) + words)
    return "\n".join(lines)


def random_table(rng: random.Random) -> list[str]:
    width = rng.randint(1, 4)
    rows = [["x" + rng.choice(WORDS) for _ in range(width)] for _ in range(rng.randint(1, 5))]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|" + "|".join(rng.choice(["---", ":--", "--:", ":-:"]) for _ in range(width)) + "|")
    return lines


def random_text(rng: random.Random, tables: bool = True, inlines: bool = True) -> str:
    lines: list[str] = []
    for _ in range(rng.randint(1, 14)):
        if tables and rng.random() < 0.12:
            lines += random_table(rng)
        else:
            lines.append(random_line(rng, inlines))
    return "\n".join(lines) + rng.choice(["", "\n"])


def elements(blocks):
    """Blocks with their paragraphs taken out of their TextBlocks, code fences by content."""
    found = []
    for block in blocks:
        found += block.paragraphs if isinstance(block, TextBlock) else [block]
    return found


REFERENCE = (
    MarkdownIt("commonmark", {"html": False, "maxNesting": 200}).enable(["table", "strikethrough"]).disable("reference")
)


def reference_elements(text):
    """What markdown-it's own block parser makes of the text, in our values (without direction of writing)."""
    found = []
    lists: list[tuple[str, int]] = []
    quote = 0
    level = 0
    bare = ""  # the marker of an item in which nothing came so far
    in_heading = False

    def close_bare():
        nonlocal bare
        if bare:
            found.append(Paragraph((), indent=len(lists), marker=bare, quote=quote))
            bare = ""

    for token in REFERENCE.parse(text):
        match token.type:
            case "bullet_list_open" | "ordered_list_open":
                close_bare()
                start = int(token.attrs.get("start", 1)) if token.type.startswith("ordered") else -1
                lists.append((token.markup, start))
            case "bullet_list_close" | "ordered_list_close":
                lists.pop()
            case "list_item_open":
                kind, number = lists[-1]
                if number < 0:
                    bare = "•◦▪"[(len(lists) - 1) % 3]
                else:
                    bare = f"{number}{kind}"
                    lists[-1] = (kind, number + 1)
            case "list_item_close":
                close_bare()
            case "blockquote_open":
                close_bare()
                quote += 1
            case "blockquote_close":
                quote -= 1
            case "heading_open":
                level = int(token.tag[1])
                in_heading = True
            case "heading_close":
                level = 0
                in_heading = False
            case "table_open":
                close_bare()
                found.append("table")
            case "inline":
                content = token.content
                done = task(content) if bare else None
                marker, content = done or (bare, content)
                bare = ""
                found.append(Paragraph(spans(content), level, len(lists), marker, quote))
            case "fence" | "code_block":
                close_bare()
                info = token.info.split()
                code = token.content.removesuffix("\n")
                found.append(CodeBlock(info[0] if info else "", code, True, len(lists), quote))
            case "hr":
                close_bare()
                found.append(RuleBlock())
    assert not in_heading
    return found


def without_direction(paragraph):
    if not isinstance(paragraph, Paragraph):
        return paragraph
    return Paragraph(paragraph.spans, paragraph.level, paragraph.indent, paragraph.marker, paragraph.quote)


M = 100_000


def _repeated(text: str) -> str:
    return text * (M // len(text) + 1)


HOSTILE = {
    "emphasis": "*a" * 50_000,
    "underscores": "_a " * 30_000,
    "brackets": "[" * M,
    "images": "![" * M,
    "links": _repeated("[a](<b"),
    "quotes": ">" * M,
    "spaced quotes": _repeated("> "),
    "lists in a line": _repeated("- "),
    "numbers": _repeated("1. "),
    "backticks": "".join("`" * (i % 80 + 1) + "a" for i in range(3000)),
    "tildes": "~" * M,
    "unspaced": "x" * 400_000,
    "one spaced line": _repeated("lorem ipsum "),
    "combining": "e" + "\u0301" * M,
    "joined emoji": "👩‍" * M,
    "nul": "\0" * M,
    "escape sequences": _repeated("\x1b[31mred"),
    "lone surrogates": "\ud800" * M,
    "line separators": _repeated("a\u2028"),
    "line breaks": "\n" * M,
    "returns": "\r" * M,
    "spaces": " " * M,
    "tabs": "\t" * M,
    "deep list": "\n".join(" " * (2 * depth) + "- a" for depth in range(300)),
    "deep quote": "\n".join(">" * depth + " a" for depth in range(1, 300)),
    "deep mix": "\n".join("> - " * depth + "a" for depth in range(1, 200)),
    "wide table": "|" + "h|" * 50 + "\n|" + "-|" * 50 + "\n" + ("|" + "cell|" * 50 + "\n") * 300,
    "long table": "|a|b|\n|-|-|\n" + "|c|d|\n" * 3_000,
    "pipes": "|" * M + "\n" + "|-" * M,
    "html": _repeated("<b><script>"),
    "entities": _repeated("&amp;&#0;&#x2028;&#xd800;"),
    "escapes": "\\" * M,
    "fences": _repeated("```\n"),
    "a line of code": "```\n" + "x" * M,
    "rules": "-" * M,
    "headings": "#" * M,
    "autolinks": _repeated("<https://a.b"),
    "bare links": _repeated("https://a)))) "),
    "nested images": "![" * 90 + "a" + "](b)" * 90,
}


def random_split(rng: random.Random, text: str, shortest: int = 1) -> list[str]:
    longest = shortest * rng.choice([1, 2, 5, 20, 200])
    parts = []
    while text:
        size = rng.randint(shortest, longest)
        parts.append(text[:size])
        text = text[size:]
    return parts


def words_of(text: str) -> list[str]:
    return re.findall(r"[a-z]{2,}|[가-힣]+", text)
