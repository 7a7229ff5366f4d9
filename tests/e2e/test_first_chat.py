"""The journey of a first day, in the real window with the real starter model."""

from __future__ import annotations

import pytest

from tests.e2e.window import StartWindow

LONG_REQUEST = "Write a very long story about a sailor, a storm and an island. Take your time."
QUESTION = "What is the capital of France?"


@pytest.mark.timeout(600)
def test_ask_stop_second_chat_context_length_restart(start_window: StartWindow) -> None:
    window = start_window()
    window.wait_ready()  # the starter model loads by itself

    window.show_settings()
    window.ask("set_value", role="slider", name="Temperature", value=0)  # the likeliest words: always the same answer

    window.send(QUESTION)
    window.wait_until("Paris", lambda: "Paris" in window.transcript())
    window.wait_reply_ended()

    window.press("New chat")
    window.wait_until("an empty transcript", lambda: QUESTION not in window.transcript())
    window.send(LONG_REQUEST)
    window.press("Stop generating")
    window.wait_reply_ended()
    assert LONG_REQUEST in window.transcript()
    stopped_at = window.transcript()

    at_first, minimum, maximum = window.ask("value", role="slider", name="Context length")
    window.ask("set_value", role="slider", name="Context length", value=(minimum + maximum) // 2)
    window.wait_until("a load", lambda: not window.status().startswith("Ready"))
    window.wait_ready()
    chosen = window.ask("value", role="slider", name="Context length")[0]
    assert minimum < chosen < maximum and chosen != at_first

    window.wait_until("two chats", lambda: len(window.chats()) == 2)
    window.close()

    window = start_window()
    window.wait_ready()
    assert window.ask("value", role="slider", name="Context length")[0] == chosen
    window.wait_until("two chats", lambda: len(window.chats()) == 2)
    window.open_chat("What is the capital of France")
    window.wait_until("the first chat", lambda: "Paris" in window.transcript())
    window.open_chat("Write a very long")
    window.wait_until("the second chat", lambda: LONG_REQUEST in window.transcript())
    assert window.transcript() == stopped_at
    window.send("And now, in one short sentence, what is the capital of France?")
    window.wait_reply_ended()
    window.close()
