"""Grammars and JSON schemas hold on a real engine, and a wrong one is told in words."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from engine_driver import GREEDY, EngineDriver, user
from msgspec.structs import replace

from llamadesk.core.errors import Problem, ProblemCode
from llamadesk.core.protocol import FORBIDDEN, Failed, Finished, FinishReason, Sampling

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 12},
        "age": {"type": "integer"},
        "kind": {"enum": ["cat", "dog"]},
        "tags": {"type": "array", "items": {"type": "boolean"}, "minItems": 1, "maxItems": 3},
        "born": {"$ref": "#/$defs/day"},
    },
    "required": ["name", "age", "kind", "tags", "born"],
    "$defs": {"day": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}$"}},
}
LIST = r'root ::= ("- " [a-z ]{1,20} "\n"){3}'


def replied(engine: EngineDriver, sampling: Sampling, question: str = "Tell me about an animal.", n: int = 160) -> str:
    reply = engine.chat(user(question), sampling=sampling, max_tokens=n)
    assert isinstance(reply.end, Finished), reply.end
    assert reply.end.reason is FinishReason.END, reply.text
    return reply.text


def refused(engine: EngineDriver, sampling: Sampling) -> Problem:
    end = engine.chat(user("hello"), sampling=sampling, max_tokens=4).end
    assert isinstance(end, Failed), end
    assert end.problem.code is ProblemCode.GRAMMAR_INVALID
    assert isinstance(engine.chat(user("hello"), max_tokens=1).end, Finished)  # and the engine goes on
    return end.problem


@pytest.mark.parametrize("sampling", [GREEDY, Sampling(seed=5, temperature=1.8, top_k=0)], ids=["greedy", "hot"])
def test_a_reply_fits_its_json_schema(starter_engine: EngineDriver, sampling: Sampling) -> None:
    person = json.loads(replied(starter_engine, replace(sampling, json_schema=json.dumps(PERSON))))
    assert set(person) == set(PERSON["required"])
    assert len(person["name"]) <= 12 and isinstance(person["age"], int) and person["kind"] in ("cat", "dog")
    assert 1 <= len(person["tags"]) <= 3 and all(isinstance(tag, bool) for tag in person["tags"])
    year, _, month = person["born"].partition("-")
    assert (len(year), len(month)) == (4, 2)


def test_a_reply_fits_its_grammar(starter_engine: EngineDriver) -> None:
    yes_or_no = replace(GREEDY, grammar='root ::= "yes" | "no"')
    assert replied(starter_engine, yes_or_no, "Is the sky blue?") in ("yes", "no")
    lines = replied(starter_engine, replace(GREEDY, grammar=LIST), "List three animals.").splitlines()
    assert len(lines) == 3 and all(line.startswith("- ") and line[2:].replace(" ", "a").isalpha() for line in lines)


def test_a_grammar_that_anything_fits_changes_nothing(starter_engine: EngineDriver) -> None:
    free = Sampling(seed=11, temperature=1.0)
    plain = starter_engine.chat(user("Tell me a joke."), sampling=free, max_tokens=24).text
    anything = replace(free, grammar="root ::= [^\\x00]*")
    assert starter_engine.chat(user("Tell me a joke."), sampling=anything, max_tokens=24).text == plain


def test_penalties_see_what_the_grammar_chose(starter_engine: EngineDriver) -> None:
    sampling = replace(GREEDY, grammar='root ::= ([a-b] " "){8}', frequency_penalty=100.0)
    taken_in_turn = replied(starter_engine, sampling)
    assert min(Counter(taken_in_turn.split()).values()) >= 3
    assert replied(starter_engine, replace(sampling, frequency_penalty=0.0)) != taken_in_turn


def test_a_schema_goes_before_a_grammar(starter_engine: EngineDriver) -> None:
    both = replace(GREEDY, grammar='root ::= "yes"', json_schema='{"type": "boolean"}')
    assert replied(starter_engine, both).strip() in ("true", "false")


def test_words_that_a_grammar_wants_are_written_even_where_they_are_unwanted(starter_engine: EngineDriver) -> None:
    biases = tuple((text, FORBIDDEN) for text in ("y", "e", "s", "ye", "es", "yes"))
    assert replied(starter_engine, replace(GREEDY, grammar='root ::= "yes"', logit_bias=biases)) == "yes"


@pytest.mark.parametrize(
    ("grammar", "words"),
    [
        ('root ::= "yes', "Line 1: a text is not closed."),
        ('root ::= (\n"yes"', 'A "(" is not closed.'),
        ('answer ::= "yes"', 'There is no rule "root"'),
        ("root ::= yes", 'there is no rule "yes"'),
        ("root ::= root", "not understood"),
        ('root ::= "a"{5000}', "not understood"),
        ("root ::= " + "(" * 10_000 + ")" * 10_000, "too many brackets"),
        ("root ::= [\\x00]", "allows the model to write nothing"),
    ],
    ids=["text", "bracket", "no root", "no rule", "recursion", "too often", "too deep", "dead end"],
)
def test_a_broken_grammar_is_told_in_words(starter_engine: EngineDriver, grammar: str, words: str) -> None:
    problem = refused(starter_engine, replace(GREEDY, grammar=grammar))
    assert problem.title == "The grammar in the settings cannot be used."
    assert words in problem.advice


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ('{"type": "object",}', "Line 1, column 19: this is not JSON"),
        ("[1]", 'begins with "{"'),
        ('{"$ref": "https://example.com/schema.json"}', "only what is in the schema itself"),
        ('{"$ref": "#/$defs/none"}', "does not know"),
        ('{"type": "string", "maxLength": 1000000000}', "at most 500"),
        ('{"type": "string", "pattern": "^a{1000000000}$"}', "at most 500"),
        ('{"type": "string", "pattern": "abc"}', "begin with"),
        ('{"type": "colour"}', "does not know"),
        ('{"items": {"type": 3}}', "does not know"),
        ('{"a":' * 5000 + "1" + "}" * 5000, "nested too deeply"),
    ],
    ids=["json", "list", "address", "reference", "length", "times", "pattern", "type", "number", "deep"],
)
def test_a_broken_schema_is_told_in_words(starter_engine: EngineDriver, schema: str, words: str) -> None:
    problem = refused(starter_engine, replace(GREEDY, json_schema=schema))
    assert problem.title == "The JSON schema in the settings cannot be used."
    assert words in problem.advice


def exploding_schema(n_levels: int) -> str:
    """References of which each is followed twice, under names that the converter does not remember."""
    levels = {
        f"level {n}": {"properties": {"a": {"$ref": f"#/$defs/level {n + 1}"}, "b": {"$ref": f"#/$defs/level {n + 1}"}}}
        for n in range(n_levels)
    }
    return json.dumps({"$ref": "#/$defs/level 0", "$defs": {**levels, f"level {n_levels}": {"type": "null"}}})


@pytest.mark.parametrize(
    "schema", ['{"type": "string", "pattern": "^}$"}', exploding_schema(50)], ids=["endless", "exploding"]
)
@pytest.mark.allow_log("took too long")
def test_a_schema_that_hangs_the_converter_is_given_up(starter_engine: EngineDriver, schema: str) -> None:
    assert "does not know" in refused(starter_engine, replace(GREEDY, json_schema=schema)).advice
