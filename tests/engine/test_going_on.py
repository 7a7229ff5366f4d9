"""A reply that was cut off goes on as if it had not been."""

from __future__ import annotations

from engine_driver import GREEDY, EngineDriver, Reply, system, user

from llamadesk.core.chat import Mode, Role
from llamadesk.core.protocol import Finished, Generate, Prompt, Turn

STORY = (system("You tell stories."), user("Tell a story about a fox and a hen."))


def ask(engine: EngineDriver, prompt: Prompt, max_tokens: int) -> Reply:
    # Without guesses: how sums are rounded depends on how many tokens are computed at once.
    request = Generate(engine.new_id(), prompt, GREEDY, max_tokens, speculate=False)
    engine.send(request)
    return engine.reply(request.id)


def going_on(text: str) -> Prompt:
    return Prompt([*STORY, Turn(Role.ASSISTANT, text)], continues=True)


def test_a_reply_that_was_cut_off_twice_is_the_one_that_was_not(starter_engine: EngineDriver) -> None:
    ask(starter_engine, Prompt(list(STORY)), 1)
    whole = ask(starter_engine, Prompt(list(STORY)), 45)
    text = ask(starter_engine, Prompt(list(STORY)), 15).text
    for _ in range(2):
        more = ask(starter_engine, going_on(text), 15)
        assert isinstance(more.end, Finished)
        assert more.end.stats.n_prompt - more.end.stats.n_reused <= 2, "only what was never read"
        text += more.text
    assert text == whole.text


def test_a_reply_of_another_day_goes_on_too(starter_engine: EngineDriver) -> None:
    text = ask(starter_engine, Prompt(list(STORY)), 15).text
    ask(starter_engine, Prompt([user("Something else.")]), 2)  # what was generated for the story is forgotten
    more = ask(starter_engine, going_on(text), 15)
    assert isinstance(more.end, Finished)
    assert more.text
    assert not more.text.startswith(text[:10])


def test_a_text_goes_on_without_a_chat_format(starter_engine: EngineDriver) -> None:
    reply = ask(starter_engine, Prompt([user("The capital of France is")], mode=Mode.TEXT), 12)
    assert isinstance(reply.end, Finished)
    assert "Paris" in reply.text
    assert reply.end.stats.n_prompt <= 6, "no chat format, no system prompt"
