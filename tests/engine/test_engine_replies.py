"""A real engine process with the starter model: reads, writes, stops, goes on."""

from __future__ import annotations

import time

from engine_driver import GREEDY, EngineDriver, assistant, system, user

from llamadesk.core.errors import ProblemCode
from llamadesk.core.protocol import Cancel, Failed, Finished, FinishReason, PromptProgress, Sampling

CAPITAL = (system("You answer questions in English."), user("What is the capital of France?"))
LONG_TEXT = "The quick brown fox jumps over the lazy dog, and the dog does not mind at all. "


def finished(end: Finished | Failed) -> Finished:
    assert isinstance(end, Finished), end
    return end


def test_it_knows_the_capital_of_france(starter_engine: EngineDriver) -> None:
    reply = starter_engine.chat(*CAPITAL, max_tokens=60)
    end = finished(reply.end)
    assert "Paris" in reply.text
    assert end.reason is FinishReason.END
    assert end.n_ctx == 2048
    assert end.n_past == end.stats.n_prompt + end.stats.n_generated
    assert sum(delta.n_tokens for delta in reply.deltas) == end.stats.n_generated
    assert [delta.n_past for delta in reply.deltas] == sorted(delta.n_past for delta in reply.deltas)
    assert end.stats.prefill_seconds > 0
    assert end.stats.decode_seconds > 0
    assert "<|im_end|>" not in reply.text


def test_a_second_turn_reads_only_what_is_new(starter_engine: EngineDriver) -> None:
    first = starter_engine.chat(*CAPITAL, max_tokens=60)
    before = finished(first.end)
    second = starter_engine.chat(*CAPITAL, assistant(first.text), user("And of Italy?"), max_tokens=30)
    stats = finished(second.end).stats
    assert stats.n_reused == before.n_past
    assert stats.n_prompt - stats.n_reused < 20
    assert second.progress[0] == PromptProgress(second.end.id, stats.n_reused, stats.n_prompt, stats.n_reused)
    assert second.progress[-1] == PromptProgress(second.end.id, stats.n_prompt, stats.n_prompt, stats.n_reused)


def test_another_chat_keeps_the_common_head_and_answers_the_same(starter_engine: EngineDriver) -> None:
    alone = starter_engine.chat(system("Be brief."), user("Name a colour."), max_tokens=20)
    starter_engine.chat(system("Be brief."), user("Name a fruit."), max_tokens=20)
    again = starter_engine.chat(system("Be brief."), user("Name a colour."), max_tokens=20)
    assert again.text == alone.text
    stats = finished(again.end).stats
    assert 0 < stats.n_reused < stats.n_prompt


def test_the_same_question_again_reads_one_token(starter_engine: EngineDriver) -> None:
    first = starter_engine.chat(*CAPITAL, max_tokens=10)
    again = starter_engine.chat(*CAPITAL, max_tokens=10)
    assert again.text == first.text
    stats = finished(again.end).stats
    assert stats.n_reused == stats.n_prompt - 1


def test_what_was_typed_does_not_become_control_tokens(starter_engine: EngineDriver) -> None:
    plain = finished(starter_engine.chat(user("x"), max_tokens=1).end).stats.n_prompt
    typed = finished(starter_engine.chat(user("x<|im_end|>"), max_tokens=1).end).stats.n_prompt
    assert typed - plain == starter_engine.count("x<|im_end|>") - 1 > 1


def test_a_seed_repeats_a_reply_and_none_does_not(starter_engine: EngineDriver) -> None:
    def ask(seed: int) -> str:
        sampling = Sampling(temperature=1.5, top_k=0, top_p=1.0, min_p=0.0, repeat_penalty=1.1, seed=seed)
        return starter_engine.chat(user("Tell a story."), sampling=sampling, max_tokens=12).text

    ask(7)  # sums of floats depend on how many tokens are read at once: let both find the same in the cache
    assert ask(7) == ask(7)
    assert len({ask(-1) for _ in range(4)}) > 1


def test_the_repeat_penalty_works(starter_engine: EngineDriver) -> None:
    question = user("Repeat the word go for ever: go go go go go go go go")
    free = starter_engine.chat(question, sampling=GREEDY, max_tokens=40)
    held = starter_engine.chat(question, sampling=Sampling(temperature=0.0, repeat_penalty=1.8), max_tokens=40)
    assert free.text != held.text


def test_limits(starter_engine: EngineDriver) -> None:
    reply = starter_engine.chat(user("Tell a long story."), max_tokens=5)
    end = finished(reply.end)
    assert end.reason is FinishReason.LENGTH
    assert end.stats.n_generated == 5
    # The last token was never read: the next turn reads it along with the rest.
    more = starter_engine.chat(user("Tell a long story."), assistant(reply.text), user("Go on."), max_tokens=3)
    assert finished(more.end).stats.n_reused == end.n_past == end.stats.n_prompt + 4


def test_stop_strings(starter_engine: EngineDriver) -> None:
    whole = starter_engine.chat(*CAPITAL, max_tokens=60).text
    stop = whole[8:14]  # not at the ends of tokens
    reply = starter_engine.chat(*CAPITAL, max_tokens=60, stop=("never", stop))
    assert reply.text == whole[: whole.index(stop)]
    assert finished(reply.end).reason is FinishReason.STOP_STRING
    more = starter_engine.chat(*CAPITAL, assistant(reply.text), user("Go on."), max_tokens=3)
    assert isinstance(more.end, Finished)


def test_a_prompt_longer_than_the_context_is_refused_and_nothing_is_lost(starter_engine: EngineDriver) -> None:
    first = starter_engine.chat(*CAPITAL, max_tokens=30)
    refused = starter_engine.chat(user(LONG_TEXT * 200))
    assert isinstance(refused.end, Failed)
    assert refused.end.problem.code is ProblemCode.PROMPT_TOO_LONG
    assert "2,048" in refused.end.problem.title
    again = starter_engine.chat(*CAPITAL, max_tokens=30)
    assert again.text == first.text
    assert finished(again.end).stats.n_reused == finished(again.end).stats.n_prompt - 1


def test_stop_is_heard_while_writing(starter_engine: EngineDriver) -> None:
    request_id = starter_engine.ask([user("Write a very long story about a fox.")], Sampling(temperature=1.0, seed=1))
    reply = starter_engine.reply(request_id, cancel_after=6)
    end = finished(reply.end)
    assert end.reason is FinishReason.CANCELLED
    assert 6 <= end.stats.n_generated < 40
    more = starter_engine.chat(
        user("Write a very long story about a fox."), assistant(reply.text), user("Go on."), max_tokens=3
    )
    assert finished(more.end).stats.n_reused >= end.n_past - 1


def test_stop_is_heard_while_reading_and_the_cache_stays_right(starter_engine: EngineDriver) -> None:
    question = user(LONG_TEXT * 40 + "Who jumps?")
    other = user("Name a colour.")
    starter_engine.chat(other, max_tokens=1)
    alone = starter_engine.chat(question, max_tokens=12)
    n_prompt = finished(alone.end).stats.n_prompt
    assert n_prompt > 700
    starter_engine.chat(other, max_tokens=1)  # the cache forgets the long one
    for delay in (0.0, 0.05, 0.15):
        request_id = starter_engine.ask([question], max_tokens=12)
        assert isinstance(starter_engine.next_event(), PromptProgress)
        time.sleep(delay)
        starter_engine.send(Cancel(request_id))
        stopped = starter_engine.reply(request_id)
        end = finished(stopped.end)
        assert end.reason is FinishReason.CANCELLED
        assert stopped.text == ""
        assert end.n_past < n_prompt
    again = starter_engine.chat(question, max_tokens=12)
    assert again.text == alone.text
    assert finished(again.end).stats.n_reused >= end.n_past


def test_a_whole_chat_of_many_turns_is_never_read_twice(starter_engine: EngineDriver) -> None:
    turns = [system("You answer in one sentence."), user("Tell me about Paris.")]
    n_past = 0
    for question in ("And London?", "Rome 🦙 漢字?", "```python\nprint('x')\n```\nWhat is it?", "Why?"):
        reply = starter_engine.chat(*turns, sampling=Sampling(temperature=1.0, seed=3), max_tokens=40)
        end = finished(reply.end)
        assert end.stats.n_reused >= n_past
        n_past = end.n_past
        turns += [assistant(reply.text), user(question)]
