from __future__ import annotations

import pytest

from llamadesk.core.grammars import grammar_problem, schema_problem

ARITHMETIC = r"""
# sums, one to a line
root  ::= (expr "=" ws term "\n")+
expr  ::= term ([-+*/] term)*   # with "quotes" in a comment
term  ::= ident | num | "(" ws expr ")" ws
ident ::= [a-z\]"] [a-z0-9_]* ws
num   ::= [0-9]{1,3} ws
ws    ::= [ \t\n]*
"""


@pytest.mark.parametrize(
    "grammar",
    ["", "  \n", ARITHMETIC, 'root ::= "\\"" [^"\\\\]* "\\""', 'root::="a"|\n"b"', "root ::= <think> . !</think>"],
)
def test_nothing_is_wrong_with_a_good_grammar(grammar: str) -> None:
    assert grammar_problem(grammar) == ""


@pytest.mark.parametrize(
    ("grammar", "words"),
    [
        ('root ::= "a"\nb ::= "c', "Line 2: a text is not closed."),
        ("root ::= [a-z", 'Line 1: a "[" is not closed.'),
        ('root ::= "a")', 'Line 1: a ")" without its "(".'),
        ('root ::= ("a"\nb ::= "c"', "Line 2: a bracket before it is not closed."),
        ("root ::= a b\na ::= .", 'Line 1: there is no rule "b".'),
        ('start ::= "a"', 'There is no rule "root", with which a grammar begins.'),
        ("root ::= ä", 'Line 1: "ä" means nothing there.'),
        ("root = a", 'Line 1: "=" means nothing there.'),
        ("#" * 2_000_000, "It is too long."),
    ],
)
def test_what_is_wrong_with_a_grammar_is_said_with_its_line(grammar: str, words: str) -> None:
    assert grammar_problem(grammar) == words


@pytest.mark.parametrize(
    "schema",
    [
        "",
        "{}",
        '{"type": "string", "pattern": "^a+$", "maxLength": 500}',
        '{"properties": {"pattern": {"type": "string"}, "$ref": {"type": "null"}, "maxItems": {"enum": [9999]}}}',
        '{"const": {"pattern": "x", "$ref": "y"}, "examples": [{"maxLength": 100000}]}',
    ],
)
def test_nothing_is_wrong_with_a_good_schema(schema: str) -> None:
    assert schema_problem(schema) == ""


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ('{\n  "type": string\n}', "Line 2, column 11: this is not JSON"),
        ("true", 'A schema is a JSON object: it begins with "{".'),
        ('{"items": [{"$ref": "other.json"}]}', '"other.json": only what is in the schema itself'),
        ('{"properties": {"a": {"maxItems": 501}}}', '"maxItems": at most 500 can be counted.'),
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 100 + "1" + "}" * 100, "nested too deeply"),
        ("1" * 5000, "a number that is too long"),
    ],
)
def test_what_is_wrong_with_a_schema_is_said(schema: str, words: str) -> None:
    assert words in schema_problem(schema)
