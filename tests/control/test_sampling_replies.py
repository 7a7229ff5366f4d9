"""What a person chooses about sampling reaches the reply, and what cannot be used is told; with a real engine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llamadesk.control.desk import Desk
from llamadesk.core.adapters import adapters_text
from llamadesk.core.chat import Status
from llamadesk.core.protocol import Adapter
from llamadesk.core.settings import ADAPTERS, GRAMMAR, JSON_SCHEMA, LOGIT_BIAS, MAX_TOKENS, TEMPERATURE
from llamadesk.state.engine import Phase
from tests.control.desk_driver import DeskDriver

COLOUR = {"type": "object", "properties": {"colour": {"enum": ["blue", "red"]}}, "required": ["colour"]}


def answer(driver: DeskDriver, desk: Desk, text: str) -> str:
    desk.replies.send(text)
    driver.until(lambda: not desk.replies.busy, 60)
    return desk.transcript.messages()[-1].content


def test_schemas_grammars_and_unwanted_words_hold_in_a_chat(driver: DeskDriver) -> None:
    desk = driver.open()
    desk.preferences.set(TEMPERATURE, 0.0)
    desk.preferences.set(MAX_TOKENS, 40)
    desk.preferences.set(JSON_SCHEMA, json.dumps(COLOUR))
    assert json.loads(answer(driver, desk, "What colour is the sky?"))["colour"] in ("blue", "red")
    desk.preferences.set(JSON_SCHEMA, "")
    desk.preferences.set(GRAMMAR, 'root ::= "yes" | "no"')
    assert answer(driver, desk, "Is the sky blue?") in ("yes", "no")
    desk.preferences.set(GRAMMAR, "")
    assert "Paris" in answer(driver, desk, "What is the capital of France?")
    desk.preferences.set(LOGIT_BIAS, "Paris = never")
    assert "Paris" not in answer(driver, desk, "What is the capital of France?")
    assert not driver.notices


@pytest.mark.allow_log("grammar_invalid")
def test_a_grammar_that_cannot_be_used_is_told_and_the_next_message_works(driver: DeskDriver) -> None:
    desk = driver.open()
    desk.preferences.set(MAX_TOKENS, 4)
    desk.preferences.set(GRAMMAR, "root ::= answer")
    answer(driver, desk, "Hello")
    assert desk.transcript.messages()[-1].status is Status.FAILED
    (notice,) = driver.notices
    assert 'Line 1: there is no rule "answer".' in notice.text
    desk.preferences.set(GRAMMAR, "")
    assert answer(driver, desk, "Hello")
    assert desk.transcript.messages()[-1].status is not Status.FAILED


@pytest.mark.allow_log("adapter_unusable")
def test_an_adapter_that_is_gone_is_told_by_its_name(driver: DeskDriver, tmp_path: Path) -> None:
    gone = adapters_text([Adapter(str(tmp_path / "poet.gguf"))])
    desk = driver.open(before=lambda desk: desk.preferences.set(ADAPTERS, gone))
    driver.until(lambda: driver.notices)
    assert '"poet.gguf" is not there any more' in driver.notices[0].text
    desk.preferences.set(ADAPTERS, "")
    driver.until(lambda: desk.engine.status.phase is Phase.READY)
