"""A reply that was cut off goes on in its own row; thoughts are kept beside the answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from llamadesk.control.desk import Desk
from llamadesk.core.chat import Message, Role, Status
from llamadesk.core.errors import Problem, ProblemCode
from llamadesk.core.paths import DataFolders
from llamadesk.core.settings import MAX_TOKENS, TEMPERATURE
from llamadesk.state.engine import Phase
from tests.control.desk_driver import DeskDriver

SLOW = {"type": "Speak", "n_tokens": 100000, "rate": 200}
TOO_LONG = Problem(ProblemCode.PROMPT_TOO_LONG, "Too long.", "Shorten it.")


def say(driver: DeskDriver, desk: Desk, text: str) -> Message:
    desk.replies.send(text)
    driver.until(lambda: not desk.replies.busy)
    return desk.transcript.message(desk.transcript.rowCount() - 1)


def stopped_reply(driver: DeskDriver, desk: Desk) -> Message:
    desk.replies.send("Go on and on.")
    driver.until(lambda: desk.transcript.rowCount() == 2 and len(desk.transcript.message(1).content) > 40)
    desk.replies.stop()
    driver.until(lambda: not desk.replies.busy)
    reply = desk.transcript.message(1)
    assert reply.status is Status.STOPPED
    return reply


def go_on(driver: DeskDriver, desk: Desk) -> Message:
    desk.replies.continue_reply()
    driver.until(lambda: not desk.replies.busy)
    return desk.transcript.message(desk.transcript.rowCount() - 1)


def test_a_stopped_reply_goes_on_in_its_own_row(driver: DeskDriver) -> None:
    desk = driver.open(
        driver.fake({"lives": [{"generate": [[SLOW], [{"type": "Speak", "text": "more ", "n_tokens": 3}]]}]})
    )
    before = stopped_reply(driver, desk)
    question, _ = desk.transcript.messages()
    assert not desk.replies.can_continue(question)
    assert desk.replies.can_continue(before)
    desk.replies.continue_reply()
    assert desk.transcript.message(1).status is Status.STREAMING
    assert not desk.replies.can_continue(before)
    driver.until(lambda: not desk.replies.busy)
    after = desk.transcript.message(1)
    assert (after.id, after.status, after.content) == (before.id, Status.COMPLETE, before.content + "more more more ")
    assert before.stats is not None
    assert after.stats is not None
    assert after.stats.n_generated == before.stats.n_generated + 3
    assert desk.transcript.rowCount() == 2
    assert not desk.replies.can_continue(after), "it is whole"
    driver.close(desk)
    assert driver.open(driver.fake({})).transcript.message(1) == after
    assert not driver.notices


def test_a_real_model_goes_on_where_the_limit_was(driver: DeskDriver) -> None:
    desk = driver.open()
    desk.preferences.set(TEMPERATURE, 0.0)
    desk.preferences.set(MAX_TOKENS, 8)
    cut = say(driver, desk, "Tell me a long story about a fox.")
    assert cut.status is Status.CUT_OFF
    after = go_on(driver, desk)
    assert after.content.startswith(cut.content)
    assert len(after.content) > len(cut.content)
    assert after.stats is not None
    assert after.stats.n_prompt - after.stats.n_reused <= 2
    assert after.stats.n_generated == 16


@pytest.mark.allow_log("prompt_too_long")
def test_what_goes_on_in_vain_is_as_it_was(driver: DeskDriver) -> None:
    fails = {"type": "Fail", "problem": {"code": TOO_LONG.code, "title": TOO_LONG.title, "advice": TOO_LONG.advice}}
    desk = driver.open(driver.fake({"lives": [{"generate": [[SLOW], [fails]]}]}))
    before = stopped_reply(driver, desk)
    assert go_on(driver, desk) == before
    assert [notice.text.startswith("Too long") for notice in driver.notices] == [True]
    assert desk.replies.can_continue(before)


@pytest.mark.allow_log("engine")
def test_an_engine_that_dies_meanwhile_costs_nothing(driver: DeskDriver) -> None:
    dies = [{"type": "Speak", "text": "more ", "n_tokens": 5}, {"type": "Pause", "seconds": 0.3}, {"type": "Die"}]
    desk = driver.open(driver.fake({"lives": [{"generate": [[SLOW], dies]}, {}]}))
    before = stopped_reply(driver, desk)
    after = go_on(driver, desk)
    assert (after.status, after.content) == (Status.INTERRUPTED, before.content + "more " * 5)
    driver.until(lambda: desk.engine.status.phase is Phase.READY)
    assert desk.replies.can_continue(after)


def test_another_chat_may_be_open_meanwhile(driver: DeskDriver) -> None:
    desk = driver.open(driver.fake({"lives": [{"generate": [[SLOW], [{**SLOW, "text": "more ", "n_tokens": 60}]]}]}))
    before = stopped_reply(driver, desk)
    desk.replies.continue_reply()
    desk.chats.new_chat()
    driver.pause(0.1)
    desk.chats.open(before.conversation_id)
    driver.until(lambda: desk.transcript.rowCount() == 2)
    assert desk.transcript.message(1).content.startswith(before.content)
    driver.until(lambda: not desk.replies.busy)
    assert desk.transcript.message(1).content == before.content + "more " * 60


def test_a_thought_is_shown_and_kept_beside_the_answer(driver: DeskDriver) -> None:
    thinks = {"type": "Speak", "thought": "first I think ", "text": "then I say ", "n_tokens": 3, "rate": 100}
    desk = driver.open(driver.fake({"lives": [{"generate": [[thinks]]}]}))
    seen: list[str] = []
    desk.transcript.thought_appended.connect(lambda _row, text: seen.append(text))
    reply = say(driver, desk, "Think.")
    assert (reply.thought, reply.content) == ("first I think ", "then I say ")
    assert seen
    driver.close(desk)
    assert driver.open(driver.fake({})).transcript.message(1) == reply


def test_a_kill_while_a_reply_goes_on_keeps_what_was_there(driver: DeskDriver, tmp_path: Path) -> None:
    data, scripts = tmp_path / "killed", tmp_path / "its scripts"
    scripts.mkdir()
    desk = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("continuing.py")), str(data), str(scripts)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert desk.stdout is not None
    before = json.loads(desk.stdout.readline())
    assert desk.stdout.readline() == "\n"
    desk.kill()
    desk.wait()
    desk.stdout.close()
    again = DeskDriver(driver.loop, DataFolders(data, data / "models", data / "logs"), scripts)
    kept = again.open(again.fake({})).transcript.message(1)
    again.close_all()
    assert (kept.role, kept.status) == (Role.ASSISTANT, Status.INTERRUPTED)
    assert kept.content.startswith(before)
    assert len(kept.content) > len(before), "a checkpoint had come"
