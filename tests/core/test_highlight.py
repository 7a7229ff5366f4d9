"""Colours a line at a time."""

import random

import pytest
from pygments.lexers import get_lexer_by_name

from llamadesk.core import highlight
from llamadesk.core.highlight import Highlighter, Kind, Run, language_label, preload, utf16_runs

SAMPLES = {
    "python": 'import os\n\n@decorated\ndef area(r: float) -> float:\n    """The\n    area."""\n    return 3  # pi\n',
    "javascript": "/* one\n * two */\nconst x = `a ${b}\n/* no comment */` + 3;\nfunction go() { return null; }\n",
    "typescript": "interface A { b: string }\nconst f = (x: number): void => {};\n",
    "html": "<b>\n<script>\nlet x; /* a\nb */ let y\n</script>\n<style>\na { color: red }\n</style>\n<!-- c\nd -->\n",
    "cpp": "#include <a>\n/* open\n */ int main() { return 0; }\n",
    "go": "x := `raw\nfunc` + 1 // end\nfunc main() {}\n",
    "yaml": "a: 1\nb:\n  - 'x'\n  - |\n    text\nc: true\n",
    "json": '{\n "a": [1, true, "x"]\n}\n',
    "bash": 'for f in *; do\n  echo "$f" # name\ndone\n',
    "diff": "--- a\n+++ b\n@@ -1 +1 @@\n-old\n+new\n",
    "php": '$x = 1; echo "a"; // hi\n/* a\nb */ function foo() {}\n',
    "ruby": "def a\n  puts <<~X\n    text\n  X\nend\n",
    "rust": "/* a\n b */ fn main() { let x: u8 = 1; }\n",
    "sql": "SELECT a -- b\nFROM c; /* d\ne */\n",
    "make": "all: a\n\techo $(X)\n",
    "markdown": "# Title\n*a*\n",
    "css": "/* a\nb */ p { color: #fff; }\n",
    "lua": "--[[ a\nb ]] local x = [[ c\nd ]]\n",
    "csharp": 'var a = @"b\nc"; // d\n',
}


def runs_of(language, text):
    highlighter = Highlighter(language)
    highlighter.update(text)
    return [highlighter.runs(line) for line in range(highlighter.n_lines)]


def pieces(language, text):
    """(characters, kind) of all runs."""
    lines = text.split("\n")
    return [
        (lines[number][run.start : run.start + run.length], run.kind)
        for number, runs in enumerate(runs_of(language, text))
        for run in runs
    ]


@pytest.mark.parametrize("language", SAMPLES)
def test_streamed_is_as_whole(language):
    text = SAMPLES[language] * 3
    whole = runs_of(language, text)
    rng = random.Random(language)
    highlighter = Highlighter(language)
    shown = []
    end = 0
    while end < len(text):
        end += rng.randint(1, 9)
        first_changed = highlighter.update(text[:end])
        del shown[first_changed:]
        shown += [highlighter.runs(line) for line in range(first_changed, highlighter.n_lines)]
    assert shown == whole


@pytest.mark.parametrize("language", SAMPLES)
def test_runs_are_in_order_and_inside_the_line(language):
    text = SAMPLES[language]
    assert any(runs_of(language, text)), "it has colours at all"
    for line, runs in zip(text.split("\n"), runs_of(language, text), strict=True):
        end = 0
        for run in runs:
            assert run.start >= end and run.length > 0
            end = run.start + run.length
        assert end <= len(line)


@pytest.mark.parametrize("language", ["python", "bash", "sql", "diff", "rust", "javascript", "css", "cpp"])
def test_a_line_at_a_time_is_as_pygments_does_it(language):
    text = SAMPLES[language]
    expected = {}
    for start, token, value in get_lexer_by_name(language).get_tokens_unprocessed(text):
        for offset, character in enumerate(value):
            if not character.isspace():
                expected[start + offset] = highlight._kind(token)
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    found = dict.fromkeys(expected)
    for number, runs in enumerate(runs_of(language, text)):
        for run in runs:
            for position in range(starts[number] + run.start, starts[number] + run.start + run.length):
                if position in found:
                    found[position] = run.kind
    assert found == expected


def test_block_comments_reach_over_lines():
    assert pieces("js", "/* one\ntwo / 'three'\n*/ let x") == [
        ("/* one", Kind.COMMENT),
        ("two / 'three'", Kind.COMMENT),
        ("*/", Kind.COMMENT),
        ("let", Kind.KEYWORD),
    ]


def test_a_comment_sign_inside_a_string_opens_nothing():
    assert ("let", Kind.KEYWORD) in pieces("js", 'const a = "/*"\nlet b')
    assert ("let", Kind.KEYWORD) in pieces("js", "const a = `\n/* `\nlet b")


def test_scripts_inside_html():
    found = pieces("html", SAMPLES["html"])
    assert ("let", Kind.KEYWORD) in found
    assert ("b */", Kind.COMMENT) in found
    assert ("d -->", Kind.COMMENT) in found


def test_update_reads_only_the_last_line_again(monkeypatch):
    read = []
    real = highlight._read

    def counting(lexer, line, state):
        read.append(line)
        return real(lexer, line, state)

    monkeypatch.setattr(highlight, "_read", counting)
    highlighter = Highlighter("python")
    text = "x = 1\n" * 200
    highlighter.update(text)
    highlighter.runs(200)
    read.clear()
    assert highlighter.update(text + "y = 2") == 200
    assert highlighter.runs(200) == (Run(2, 1, Kind.OPERATOR), Run(4, 1, Kind.NUMBER))
    assert read == ["y = 2"]


def test_other_text_is_read_from_the_start():
    highlighter = Highlighter("python")
    highlighter.update('"""\na\n')
    assert highlighter.runs(1)
    assert highlighter.update("x\na\n") == 0
    assert highlighter.runs(1) == ()


def test_read_ahead_stops_when_the_time_is_over():
    highlighter = Highlighter("python")
    highlighter.update("x = 1\n" * 3000)
    assert not highlighter.read_ahead(2999, 0.0)
    assert highlighter.read_ahead(2999, 60.0)
    assert Highlighter("").read_ahead(10, 0.0)


def test_no_colours_for_too_much():
    long = "x = 1 " * 400
    lines = runs_of("python", "x = 1\n" * (highlight.MAX_LINES + 1) + "x = 1")
    assert lines[highlight.MAX_LINES - 1] and not lines[highlight.MAX_LINES]
    assert runs_of("python", long + "\nx = 1") == [(), (Run(2, 1, Kind.OPERATOR), Run(4, 1, Kind.NUMBER))]


@pytest.mark.parametrize("language", ["", "text", "no-such-language", "🙂", "x" * 5000])
def test_no_language_no_colours(language):
    assert runs_of(language, "def f(): return 1") == [()]


def test_no_such_line():
    highlighter = Highlighter("python")
    with pytest.raises(IndexError):
        highlighter.runs(1)


@pytest.mark.parametrize("language", SAMPLES)
def test_any_text_can_be_read(language):
    rng = random.Random(7)
    alphabet = "\"'`/*<>{}[]()#$@!-=+\\|:;., \n\tabc019é漢🙂\u2410"
    for _ in range(20):
        runs_of(language, "".join(rng.choice(alphabet) for _ in range(200)))
    for nasty in ("/*" * 900, "[" * 1900, "'\\" * 900, "<" * 1900, "a" * 1999, "{{" * 900):
        runs_of(language, nasty)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("py", "python"),
        ("Python", "python"),
        ("JS", "javascript"),
        ("ts", "typescript"),
        ("c++", "cpp"),
        ("C#", "csharp"),
        ("sh", "bash"),
        ("console", "bash"),
        ("shell", "bash"),
        ("yml", "yaml"),
        ("{.python", "python"),
        ("language-rust", "rust"),
        ("text", ""),
        ("", ""),
        ("mermaid", "mermaid"),
    ],
)
def test_labels(name, label):
    assert language_label(name) == label


def test_aliases_are_known_to_pygments():
    preload(highlight._ALIASES)
    unknown = {name for name in highlight._ALIASES.values() if name and highlight._lexer(name) is None}
    assert not unknown


def test_utf16():
    runs = (Run(0, 1, Kind.STRING), Run(2, 3, Kind.NUMBER))
    assert utf16_runs("a🙂bcd", runs) == (Run(0, 1, Kind.STRING), Run(3, 3, Kind.NUMBER))
    assert utf16_runs("🙂🙂🙂🙂🙂", runs) == (Run(0, 2, Kind.STRING), Run(4, 6, Kind.NUMBER))
    assert utf16_runs("漢字abc", runs) == runs
