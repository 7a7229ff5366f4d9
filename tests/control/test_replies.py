"""Sending and replying, with the real store and a real engine process."""

from __future__ import annotations

import pytest

from llamadesk.control.desk import Desk
from llamadesk.core.chat import Role, Status
from llamadesk.core.settings import CONTEXT_LENGTH, MAX_TOKENS, SYSTEM_PROMPT, TEMPERATURE
from llamadesk.state.engine import Phase
from tests.control.desk_driver import DeskDriver

SLOW_REPLY = {"lives": [{"generate": [[{"type": "Speak", "n_tokens": 100000, "rate": 200}]]}]}
DIES_IN_REPLY = {
    "lives": [
        {"generate": [[{"type": "Speak", "n_tokens": 30, "rate": 300}, {"type": "Die", "signal": "SIGSEGV"}]]},
        {"generate": [[{"type": "Speak", "text": "again ", "n_tokens": 3}]]},
    ]
}


def contents(desk: Desk) -> list[tuple[Role, str, Status]]:
    return [(m.role, m.content, m.status) for m in desk.transcript.messages()]


def say(driver: DeskDriver, desk: Desk, text: str) -> None:
    desk.replies.send(text)
    driver.until(lambda: not desk.replies.busy)


def test_the_starter_model_answers_and_remembers(driver: DeskDriver) -> None:
    desk = driver.open()
    desk.preferences.set(TEMPERATURE, 0.0)
    driver.until(lambda: desk.engine.status.phase is Phase.READY)
    assert desk.engine.status.n_ctx == 8192
    say(driver, desk, "What is the capital of France?")
    question, answer = desk.transcript.messages()
    assert (question.role, question.status) == (Role.USER, Status.COMPLETE)
    assert answer.status is Status.COMPLETE
    assert "Paris" in answer.content
    assert "SmolLM2" in answer.model_name
    assert answer.stats is not None
    assert answer.stats.n_generated > 1
    say(driver, desk, "Which country did I ask about?")
    assert desk.transcript.message(3).content
    stats = desk.transcript.message(3).stats
    assert stats is not None
    assert stats.n_reused > answer.stats.n_prompt, "the second turn reads only what is new"
    driver.close(desk)

    again = driver.open()
    assert [c.title for c in (again.conversations.conversation(0),)] == ["What is the capital of France?"]
    assert len(again.transcript.messages()) == 4
    assert again.transcript.message(1) == answer
    assert not driver.notices


def test_a_message_sent_before_the_models_were_looked_for_is_answered(driver: DeskDriver) -> None:
    desk = driver.open(before=lambda desk: desk.replies.send("What is the capital of France?"))
    driver.until(lambda: not desk.replies.busy)
    question, answer = desk.transcript.messages()
    assert question.content == "What is the capital of France?"
    assert (answer.status, bool(answer.content)) == (Status.COMPLETE, True)
    assert not driver.notices


@pytest.mark.allow_log("no_model")
def test_where_there_is_no_model_an_early_message_is_kept_and_a_later_one_comes_back(
    driver: DeskDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llamadesk.control.library.starter_model", lambda: None)
    desk = driver.open(before=lambda desk: desk.replies.send("Early"))
    driver.until(lambda: not desk.replies.busy)
    assert contents(desk) == [(Role.USER, "Early", Status.COMPLETE), (Role.ASSISTANT, "", Status.FAILED)]
    assert ["no model" in notice.text for notice in driver.notices] == [True]
    back: list[str] = []
    desk.replies.send_refused.connect(back.append)
    assert not desk.replies.can_send
    desk.replies.send("Late")
    assert back == ["Late"]
    assert len(driver.notices) == 2


def test_the_system_prompt_and_the_longest_reply_are_used(driver: DeskDriver) -> None:
    desk = driver.open()
    desk.preferences.set(MAX_TOKENS, 5)
    desk.preferences.set(SYSTEM_PROMPT, "You are a storyteller.")
    say(driver, desk, "Tell me a long story.")
    answer = desk.transcript.message(1)
    assert answer.status is Status.CUT_OFF
    assert answer.stats is not None
    assert answer.stats.n_generated == 5


def test_stop_keeps_what_is_written(driver: DeskDriver) -> None:
    desk = driver.open(driver.fake(SLOW_REPLY))
    desk.replies.send("Go on and on.")
    driver.until(lambda: len(desk.transcript.messages()) == 2 and len(desk.transcript.message(1).content) > 100)
    desk.replies.stop()
    driver.until(lambda: not desk.replies.busy)
    stopped = desk.transcript.message(1)
    assert stopped.status is Status.STOPPED
    assert len(stopped.content) > 100
    driver.close(desk)
    assert driver.open(driver.fake(SLOW_REPLY)).transcript.message(1).content == stopped.content


def test_closing_during_a_reply_keeps_it(driver: DeskDriver) -> None:
    desk = driver.open(driver.fake(SLOW_REPLY))
    desk.replies.send("Go on and on.")
    driver.until(lambda: len(desk.transcript.messages()) == 2 and len(desk.transcript.message(1).content) > 100)
    shown = desk.transcript.message(1).content
    driver.close(desk)
    kept = driver.open(driver.fake(SLOW_REPLY)).transcript.message(1)
    assert kept.status is Status.INTERRUPTED
    assert kept.content.startswith(shown)


@pytest.mark.allow_log("engine")
def test_a_lost_engine_costs_one_notice_and_the_next_message_works(driver: DeskDriver) -> None:
    desk = driver.open(driver.fake(DIES_IN_REPLY))
    say(driver, desk, "Die, please.")
    lost = desk.transcript.message(1)
    assert lost.status is Status.INTERRUPTED
    assert lost.content.startswith("word word")
    assert len([n for n in driver.notices if n.kind.value != "info"]) == 1
    say(driver, desk, "Are you there?")
    assert contents(desk)[2:] == [
        (Role.USER, "Are you there?", Status.COMPLETE),
        (Role.ASSISTANT, "again again again ", Status.COMPLETE),
    ]


def test_a_reply_goes_on_while_another_chat_is_open(driver: DeskDriver) -> None:
    script = {"lives": [{"generate": [[{"type": "Speak", "n_tokens": 150, "rate": 150}]]}]}
    desk = driver.open(driver.fake(script))
    desk.replies.send("First chat.")
    driver.until(lambda: len(desk.transcript.messages()) == 2 and desk.transcript.message(1).content)
    first = desk.conversations.current
    assert first is not None
    desk.chats.new_chat()
    assert desk.transcript.messages() == []
    driver.pause(0.2)
    assert desk.replies.busy
    desk.chats.open(first)
    driver.until(lambda: len(desk.transcript.messages()) == 2)
    live = desk.transcript.message(1)
    assert live.status is Status.STREAMING
    assert live.content
    driver.until(lambda: not desk.replies.busy)
    assert desk.transcript.message(1).content == "word " * 150
    assert desk.transcript.message(1).content


def test_deleting_the_chat_of_a_reply_stops_it_and_undo_brings_it_back(driver: DeskDriver) -> None:
    desk = driver.open(driver.fake(SLOW_REPLY))
    desk.replies.send("Delete me.")
    driver.until(lambda: len(desk.transcript.messages()) == 2 and desk.transcript.message(1).content)
    chat = desk.conversations.current
    assert chat is not None
    desk.chats.delete(chat)
    driver.until(lambda: desk.conversations.rowCount() == 0 and not desk.replies.busy)
    assert desk.transcript.messages() == []
    desk.notices.act(next(n.action_id for n in driver.notices if n.action_label == "Undo"))
    driver.until(lambda: desk.conversations.current == chat)
    assert contents(desk)[0] == (Role.USER, "Delete me.", Status.COMPLETE)
    assert desk.transcript.message(1).status is Status.STOPPED


@pytest.mark.allow_log("prompt_too_long")
def test_a_message_longer_than_the_context_is_kept_and_explained(driver: DeskDriver) -> None:
    desk = driver.open()
    desk.preferences.set(CONTEXT_LENGTH, 512)
    driver.until(lambda: desk.engine.status.phase is Phase.READY and desk.engine.status.n_ctx == 512)
    text = "A long message of a great many words. " * 200
    say(driver, desk, text)
    assert contents(desk) == [(Role.USER, text, Status.COMPLETE), (Role.ASSISTANT, "", Status.FAILED)]
    assert any("512" in notice.text for notice in driver.notices)
    desk.chats.new_chat()
    desk.preferences.set(MAX_TOKENS, 20)
    say(driver, desk, "What is the capital of France?")
    assert desk.transcript.message(1).content
