"""What the model sees of a chat: options, pins, the meter, where memory begins, summaries; with the real store."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tiny_models import TinyModel, write_tiny_llama

from llamadesk.bridge.client import EngineClient
from llamadesk.control.desk import Desk
from llamadesk.core.chat import ChatOptions, Conversation, MessageId, Mode, Overflow, Role, Status
from llamadesk.core.protocol import Finished, Prompt, PromptShown
from llamadesk.core.settings import CONTEXT_LENGTH, MAX_TOKENS, OVERFLOW, SYSTEM_PROMPT, TEMPERATURE
from llamadesk.state.engine import Phase
from tests.control.desk_driver import DeskDriver

QUICK = {"lives": [{"generate": [[{"type": "Speak", "text": "Yes. ", "n_tokens": 1}]]}]}
FACTS = (
    "My cat is called Minka and she is seven years old. She likes to sleep on the red chair by the window.",
    "My brother Jonas lives in Hamburg and works as a baker. He gets up at three in the morning every day.",
    "On Friday we want to go to the lake with our bicycles, if it does not rain, and come back in the evening.",
    "I have to buy flour, six eggs, a pound of butter and some salt, for I want to bake bread on Saturday.",
    "The train leaves at half past seven from platform four, and the ticket costs twenty-three euros.",
)


def without_system_prompt(desk: Desk) -> None:
    desk.preferences.set(SYSTEM_PROMPT, "")


def ready(driver: DeskDriver, desk: Desk) -> None:
    driver.until(lambda: desk.engine.status.phase is Phase.READY)


def send(driver: DeskDriver, desk: Desk, *texts: str) -> None:
    for text in texts:
        desk.replies.send(text)
        driver.until(lambda: not desk.replies.busy)


def current(desk: Desk) -> Conversation:
    conversation = desk.chats.current
    assert conversation is not None
    return conversation


def said(prompt: Prompt) -> list[tuple[Role, str]]:
    return [(turn.role, turn.content) for turn in prompt.turns]


def tell_facts(driver: DeskDriver, desk: Desk) -> None:
    """A chat of facts, as if the model had answered each with a word."""

    async def write() -> None:
        conversation, message = await desk._rooms.store.begin_chat("Facts", FACTS[0])
        for fact in (*FACTS[1:], None):
            reply = await desk._rooms.store.add_message(
                conversation.id, message.id, Role.ASSISTANT, "I see.", Status.COMPLETE
            )
            if fact is not None:
                message = await desk._rooms.store.add_message(
                    conversation.id, reply.id, Role.USER, fact, Status.COMPLETE
                )
        desk.chats.changed(conversation)
        desk.chats.open(conversation.id)

    driver.run(write())
    driver.until(lambda: len(desk.transcript.messages()) == 2 * len(FACTS))


# --- Options and pins -------------------------------------------------------------------------------------------------


def test_options_of_a_chat_are_kept_and_those_of_a_new_one_wait_for_its_first_message(driver: DeskDriver) -> None:
    desk = driver.open(driver.fake(QUICK))
    heard = []
    desk.chats.options_changed.connect(lambda: heard.append(desk.chats.options))
    chosen = ChatOptions(mode=Mode.QUESTION, overflow=Overflow.STOP)
    desk.chats.set_options(chosen)
    desk.chats.set_options(chosen)
    assert heard == [chosen]
    send(driver, desk, "one")
    one = current(desk).id
    assert desk.chats.options == chosen
    desk.chats.new_chat()
    assert desk.chats.options == ChatOptions()
    send(driver, desk, "two")
    assert desk.chats.options == ChatOptions()
    driver.close(desk)

    desk = driver.open(driver.fake(QUICK))
    assert desk.chats.options == ChatOptions()
    desk.chats.open(one)
    driver.until(lambda: desk.conversations.current == one)
    assert desk.chats.options == chosen


def test_the_options_of_a_new_chat_count_for_its_first_message(
    driver: DeskDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = driver.open(driver.fake(QUICK))
    client, asked = desk._rooms.client, []

    def generate(prompt: Prompt, *args: object, **options: object) -> int:
        asked.append(prompt)
        return EngineClient.generate(client, prompt, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(client, "generate", generate)
    desk.chats.set_options(ChatOptions(mode=Mode.TEXT))
    send(driver, desk, "The fox")
    desk.chats.set_options(ChatOptions(mode=Mode.QUESTION))
    send(driver, desk, "Why?")
    assert [(prompt.mode, prompt.turns[-1].content, len(prompt.turns)) for prompt in asked] == [
        (Mode.TEXT, "The fox", 1),
        (Mode.QUESTION, "Why?", 2),
    ]
    assert {prompt.chat for prompt in asked} == {str(current(desk).id)}


def test_renaming_and_writing_leave_the_options_alone(driver: DeskDriver) -> None:
    desk = driver.open(driver.fake(QUICK))
    send(driver, desk, "one")
    chosen = ChatOptions(overflow=Overflow.STOP)
    desk.chats.set_options(chosen)
    desk.chats.rename(current(desk).id, "other")
    send(driver, desk, "more")
    driver.until(lambda: current(desk).title == "other")
    assert desk.chats.options == chosen


def test_a_pin_is_shown_and_kept(driver: DeskDriver) -> None:
    desk = driver.open(driver.fake(QUICK), before=without_system_prompt)
    send(driver, desk, "one", "two")
    first = desk.transcript.message(0).id
    desk.chats.set_pinned(first, True)
    driver.until(lambda: desk.transcript.message(0).pinned)
    assert desk.context.prompt(desk.chats.current, desk.transcript.messages()).turns[0].pinned
    driver.close(desk)
    desk = driver.open(driver.fake(QUICK))
    assert [message.pinned for message in desk.transcript.messages()] == [True, False, False, False]
    desk.chats.set_pinned(first, False)
    driver.until(lambda: not desk.transcript.message(0).pinned)


# --- Prompts ----------------------------------------------------------------------------------------------------------


def test_a_prompt_follows_the_settings_and_the_options(driver: DeskDriver) -> None:
    desk = driver.open(driver.fake(QUICK))
    desk.preferences.set(SYSTEM_PROMPT, "Be brief.")
    desk.preferences.set(OVERFLOW, Overflow.STOP.value)
    send(driver, desk, "one", "two")
    messages = desk.transcript.messages()
    prompt = desk.context.prompt(current(desk), messages[:3])
    assert said(prompt) == [
        (Role.SYSTEM, "Be brief."), (Role.USER, "one"), (Role.ASSISTANT, "Yes. "), (Role.USER, "two"),
    ]  # fmt: skip
    assert (prompt.overflow, prompt.mode, prompt.chat) == (Overflow.STOP, Mode.CHAT, str(current(desk).id))
    desk.chats.set_options(ChatOptions(mode=Mode.QUESTION, overflow=Overflow.ROLL))
    prompt = desk.context.prompt(current(desk), messages[:3])
    assert said(prompt) == [(Role.SYSTEM, "Be brief."), (Role.USER, "two")]
    assert (prompt.overflow, prompt.mode) == (Overflow.ROLL, Mode.QUESTION)
    going_on = desk.context.prompt(current(desk), messages, continues=True)
    assert going_on.continues
    assert said(going_on)[1:] == [(Role.USER, "two"), (Role.ASSISTANT, "Yes. ")]
    assert desk.context.prompt(None, []).chat == ""


def test_the_summary_stands_for_the_beginning(driver: DeskDriver) -> None:
    desk = driver.open(driver.fake(QUICK))
    send(driver, desk, "one", "two", "three")
    messages = desk.transcript.messages()
    desk.chats.set_options(
        ChatOptions(overflow=Overflow.SUMMARISE, summary="They counted.", summarised_to=messages[1].id)
    )
    prompt = desk.context.prompt(current(desk), messages)
    assert "They counted." in prompt.turns[0].content
    assert [turn.content for turn in prompt.turns[1:]] == ["two", "Yes. ", "three", "Yes. "]
    driver.until(lambda: desk.context_state.summary == "They counted.")
    assert desk.context_state.first_seen == messages[2].id
    assert desk.context_state.dropped == {messages[0].id, messages[1].id}
    desk.context.set_summary(" They counted to three. ")
    assert "to three." in desk.context.prompt(current(desk), messages).turns[0].content
    driver.until(lambda: desk.context_state.summary == "They counted to three.")
    desk.context.set_summary("")
    assert desk.chats.options == ChatOptions(overflow=Overflow.SUMMARISE)
    assert len(desk.context.prompt(current(desk), messages).turns) == 1 + 6
    driver.until(lambda: desk.context_state.first_seen is None)
    assert desk.context_state.summary == ""


# --- The meter --------------------------------------------------------------------------------------------------------


def test_the_meter_follows_what_is_typed_said_and_opened(driver: DeskDriver) -> None:
    """The fake engine counts words."""
    desk = driver.open(driver.fake(QUICK), before=without_system_prompt)
    state = desk.context_state
    ready(driver, desk)
    desk.chats.save_draft("these are four words")
    driver.until(lambda: state.n_draft == 4)
    assert state.n_history == 0
    assert state.n_ctx > 0
    desk.chats.save_draft("")
    driver.until(lambda: state.n_draft == 0)
    send(driver, desk, "one two three")
    driver.until(lambda: state.n_history == 4)
    desk.chats.new_chat()
    assert state.n_history == 0
    desk.chats.open(desk.conversations.conversation(0).id)
    driver.until(lambda: state.n_history == 4)


def test_the_meter_and_the_prompt_are_exact_with_the_real_engine(driver: DeskDriver) -> None:
    desk = driver.open(before=lambda desk: desk.preferences.set(MAX_TOKENS, 8))
    ready(driver, desk)
    send(driver, desk, "Name a colour.")
    desk.chats.save_draft("And another one?")
    state = desk.context_state
    driver.until(lambda: state.n_draft and state.n_history)
    expected = state.n_system + state.n_history + state.n_draft
    shown: list[PromptShown] = []
    desk.context.prompt_shown.connect(shown.append)
    desk.context.show_prompt()
    driver.until(lambda: shown)
    assert sum(piece.n_tokens for piece in shown[0].pieces) == expected
    assert "And another one?" in "".join(piece.text for piece in shown[0].pieces)
    send(driver, desk, "And another one?")
    stats = desk.transcript.messages()[-1].stats
    assert stats is not None
    assert stats.n_prompt == expected


def test_the_meter_goes_on_while_no_model_is_loaded(driver: DeskDriver) -> None:
    desk = driver.open()
    ready(driver, desk)
    state = desk.context_state
    desk.chats.save_draft("Name a colour.")
    driver.until(lambda: state.n_draft)
    loaded = state.use
    desk._rooms.client.unload()
    driver.until(lambda: desk.engine.model is None)
    desk.chats.save_draft("Name a colour. And a fruit.")
    driver.until(lambda: state.n_draft > loaded.n_draft)
    desk.chats.save_draft("Name a colour.")
    driver.until(lambda: state.use == loaded)


def test_where_memory_begins(driver: DeskDriver) -> None:
    desk = driver.open(before=lambda desk: desk.preferences.set(CONTEXT_LENGTH, 256))
    ready(driver, desk)
    tell_facts(driver, desk)
    state, messages = desk.context_state, desk.transcript.messages()
    driver.until(lambda: state.first_seen is not None)
    assert messages[0].id in state.dropped
    row = desk.transcript.row_of(state.first_seen or MessageId(0))
    assert row is not None
    assert row % 2 == 0
    assert {message.id for message in messages[:row]} == state.dropped
    desk.chats.set_pinned(messages[0].id, True)
    driver.until(lambda: messages[0].id not in state.dropped)
    assert state.first_seen is not None
    desk.context.on_dropped(current(desk).id, [message.id for message in messages[1:6]])
    assert state.first_seen == messages[6].id
    desk.context.on_dropped(current(desk).id + 1, [])
    assert state.first_seen == messages[6].id
    desk.chats.new_chat()
    assert state.first_seen is None


# --- Making room ------------------------------------------------------------------------------------------------------


def open_full(driver: DeskDriver, n_ctx: int = 256, model: Path | None = None) -> Desk:
    def choose(desk: Desk) -> None:
        desk.preferences.set(CONTEXT_LENGTH, n_ctx)
        desk.preferences.set(OVERFLOW, Overflow.SUMMARISE.value)
        desk.preferences.set(TEMPERATURE, 0.0)

    desk = driver.open(before=choose, model=model)
    tell_facts(driver, desk)
    return desk


def make_room(driver: DeskDriver, desk: Desk) -> Conversation:
    rooms: list[Conversation] = []

    async def ask() -> None:
        rooms.append(await desk.context.make_room(current(desk), desk.transcript.messages()))

    driver.run(ask())
    return rooms[0]


def test_the_oldest_turns_are_summarised_when_a_chat_is_full(driver: DeskDriver) -> None:
    desk = open_full(driver)  # which waits for the model, too
    was_busy = []
    desk.context_state.changed.connect(lambda: was_busy.append(desk.context_state.summarising))
    conversation = make_room(driver, desk)
    options = conversation.options
    assert options == desk.chats.options
    assert len(options.summary) > 20
    assert True in was_busy
    assert not desk.context_state.summarising
    assert desk.engine.status.phase is Phase.READY
    messages = desk.transcript.messages()
    assert options.summarised_to in [message.id for message in messages[1::2]]
    prompt = desk.context.prompt(conversation, messages)
    assert options.summary in prompt.turns[0].content
    assert FACTS[0] not in [turn.content for turn in prompt.turns]
    driver.until(lambda: desk.context_state.summary == options.summary)
    again = make_room(driver, desk)
    assert again.options == options  # there is room now
    driver.close(desk)
    desk = driver.open()
    assert desk.chats.options == options


def test_a_summary_that_is_stopped_gives_way_to_rolling_on(driver: DeskDriver) -> None:
    desk = open_full(driver)
    ready(driver, desk)

    async def ask_and_stop() -> None:
        room = asyncio.ensure_future(desk.context.make_room(current(desk), desk.transcript.messages()))
        while desk.engine.status.phase is not Phase.READING:
            await asyncio.sleep(0.005)
        desk.context.stop()
        assert (await room).options == ChatOptions()

    driver.run(ask_and_stop())
    assert desk.context.prompt(current(desk), []).overflow is Overflow.ROLL
    assert "was not summarised" in driver.notices[-1].text
    assert desk.engine.status.phase is Phase.READY
    assert not desk.context_state.summarising


@pytest.mark.parametrize("step", ["Fail", "Speak"])
def test_a_summary_that_fails_gives_way_to_rolling_on(driver: DeskDriver, step: str) -> None:
    failing: dict[str, object] = {"type": "Fail", "problem": {"code": "decode_failed", "title": "No."}}
    silent: dict[str, object] = {"type": "Speak", "text": " ", "n_tokens": 1}
    script: dict[str, object] = {"lives": [{"generate": [[failing if step == "Fail" else silent]]}]}

    def choose(desk: Desk) -> None:
        desk.preferences.set(CONTEXT_LENGTH, 256)
        desk.preferences.set(OVERFLOW, Overflow.SUMMARISE.value)
        desk.preferences.set(SYSTEM_PROMPT, "word " * 200)

    desk = driver.open(driver.fake(script), before=choose)
    tell_facts(driver, desk)
    ready(driver, desk)
    assert make_room(driver, desk).options == ChatOptions()
    assert "could not be summarised" in driver.notices[-1].text
    assert desk.context.prompt(current(desk), []).overflow is Overflow.ROLL
    assert desk.engine.status.phase is Phase.READY


def test_a_message_to_a_full_chat_is_answered_with_the_summary_of_its_beginning(driver: DeskDriver) -> None:
    desk = open_full(driver)
    desk.preferences.set(MAX_TOKENS, 12)
    ready(driver, desk)
    send(driver, desk, "What is my cat called?")
    assert len(desk.chats.options.summary) > 20
    *_, question, reply = desk.transcript.messages()
    assert question.content == "What is my cat called?"
    assert reply.status in (Status.COMPLETE, Status.CUT_OFF)
    assert reply.content.strip()
    driver.until(lambda: desk.context_state.summary == desk.chats.options.summary)
    assert desk.context_state.first_seen is not None


def test_what_the_model_has_read_is_not_read_again_for_the_summary(driver: DeskDriver, tmp_path: Path) -> None:
    """A tiny model: each letter is a token."""
    tiny = write_tiny_llama(tmp_path / "tiny.gguf", TinyModel(n_ctx_train=2048))
    desk = open_full(driver, n_ctx=1280, model=tiny)
    desk.preferences.set(MAX_TOKENS, 8)
    ready(driver, desk)
    send(driver, desk, "What is my cat called?")
    assert desk.chats.options.summary == ""
    ends: list[Finished] = []
    desk._rooms.client.finished.connect(lambda _, end: ends.append(end))
    send(driver, desk, "And now something long about the lake. " * 12)
    assert len(ends) >= 2  # what it writes may be no summary, but it was asked in the chat
    assert ends[0].stats.n_reused > 0.7 * ends[0].stats.n_prompt


def test_stop_ends_the_summary_and_the_message_is_answered_without_it(driver: DeskDriver) -> None:
    desk = open_full(driver)
    desk.preferences.set(MAX_TOKENS, 12)
    ready(driver, desk)
    desk.replies.send("What is my cat called?")
    driver.until(lambda: desk.context_state.summarising and desk.engine.status.phase is Phase.READING)
    desk.replies.stop()
    driver.until(lambda: not desk.replies.busy)
    assert desk.chats.options.summary == ""
    assert "was not summarised" in driver.notices[-1].text
    reply = desk.transcript.messages()[-1]
    assert reply.content.strip()
    assert reply.status in (Status.COMPLETE, Status.CUT_OFF)
    driver.until(lambda: desk.context_state.first_seen is not None)


def test_a_deleted_chat_is_neither_summarised_nor_answered(driver: DeskDriver) -> None:
    desk = open_full(driver)
    ready(driver, desk)
    desk.replies.send("What is my cat called?")
    driver.until(lambda: desk.context_state.summarising and desk.engine.status.phase is Phase.READING)
    desk.chats.delete(current(desk).id)
    driver.until(lambda: not desk.replies.busy)
    assert desk.chats.current is None
    assert desk.engine.status.phase is Phase.READY


def test_closing_does_not_wait_for_a_summary(driver: DeskDriver) -> None:
    desk = open_full(driver)
    ready(driver, desk)
    desk.replies.send("What is my cat called?")
    driver.until(lambda: desk.context_state.summarising and desk.engine.status.phase is Phase.READING)
    driver.close(desk)
    desk = driver.open()
    assert [message.content for message in desk.transcript.messages()][-2:] == ["What is my cat called?", ""]
    assert desk.transcript.messages()[-1].status is Status.INTERRUPTED


def test_a_reply_in_a_chat_that_rolls_on_tells_what_it_does_not_see(driver: DeskDriver) -> None:
    def choose(desk: Desk) -> None:
        desk.preferences.set(CONTEXT_LENGTH, 256)
        desk.preferences.set(MAX_TOKENS, 12)

    desk = driver.open(before=choose)
    tell_facts(driver, desk)
    ready(driver, desk)
    told: list[list[MessageId]] = []
    desk.replies.dropped.connect(lambda _, ids: told.append(ids))
    send(driver, desk, "What is my cat called?")
    assert told
    assert told[-1][0] == desk.transcript.message(0).id
    driver.until(lambda: desk.context_state.dropped == set(told[-1]))
    assert not driver.notices


def test_nothing_is_summarised_where_that_is_not_wanted_or_not_needed(driver: DeskDriver) -> None:
    desk = driver.open(driver.fake(QUICK))
    send(driver, desk, "one")
    for overflow in Overflow:
        desk.chats.set_options(ChatOptions(overflow=overflow))
        assert make_room(driver, desk).options == ChatOptions(overflow=overflow)
    assert not driver.notices
