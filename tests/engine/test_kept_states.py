"""Chats are read once: a real engine keeps what it computed in memory and on disk, and never uses what is not right."""

from __future__ import annotations

import itertools
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
from engine_driver import GREEDY, EngineDriver, Reply, assistant, system, user
from small_disks import small_disk  # noqa: F401

from llamadesk.core.chat import MessageId, Mode, Overflow, Role
from llamadesk.core.protocol import (
    Configure,
    Delta,
    Dropped,
    Failed,
    Finished,
    Forget,
    Generate,
    KvType,
    Loaded,
    Prepare,
    Prepared,
    Prompt,
    Turn,
)

TinyWriter = Callable[..., Path]
LONG = "The capital of France is Paris, and the dog of the man in the house is not the dog of the world. "
MUCH = 1 << 70


def talk(about: str, chat: str) -> Prompt:
    return Prompt([system("hello world"), user(f"{about}: " + LONG * 5)], chat=chat)


def grown(prompt: Prompt, reply: str = "hello the world", question: str = "and then?") -> Prompt:
    return Prompt([*prompt.turns, assistant(reply), user(question)], chat=prompt.chat)


def n_read(reply: Reply) -> int:
    assert isinstance(reply.end, Finished), reply.end
    return reply.end.stats.n_prompt - reply.end.stats.n_reused


Runs = Callable[..., AbstractContextManager[EngineDriver]]


@contextmanager
def loaded(
    engine: EngineDriver, model: Path, folder: Path | str = "", ram: int = 0, disk: int = MUCH, **settings: object
) -> Iterator[EngineDriver]:
    """The engine with a model, and kept states of its own; they are written when it goes."""
    engine.send(Configure(str(folder), ram, disk))
    answer = engine.load(model, **{"n_ctx": 2048, "n_threads": 1, "n_ubatch": 512} | settings)
    assert isinstance(answer, Loaded), answer
    yield engine
    engine.unload()
    engine.send(Configure())


@contextmanager
def started(model: Path, folder: Path, **settings: object) -> Iterator[EngineDriver]:
    """The same in a process of its own, which is killed in the end."""
    engine = EngineDriver()
    try:
        engine.send(Configure(str(folder), 0, MUCH))
        answer = engine.load(model, n_threads=1, **settings)
        assert isinstance(answer, Loaded), answer
        yield engine
    finally:
        engine.kill()


def index_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/*/index"))


def indexes(folder: Path) -> dict[Path, bytes]:
    """What is in each of them."""
    found = {}
    for path in index_files(folder):
        with suppress(FileNotFoundError):
            found[path] = path.read_bytes()
    return found


def pieces(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/*/*.state"))


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "never came"
        time.sleep(0.01)


def kept(engine: EngineDriver, folder: Path, prompt: Prompt) -> Reply:
    """A reply, and its states on disk."""
    before = indexes(folder)
    reply = engine.write(prompt, 12)
    wait_for(lambda: indexes(folder).items() - before.items())
    return reply


@pytest.fixture
def running(idle_engine: EngineDriver) -> Runs:
    return partial(loaded, idle_engine)


@pytest.fixture
def model(tiny: TinyWriter) -> Path:
    return tiny(n_ctx_train=2048, n_embd=64)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "snapshots"


# --- In memory ------------------------------------------------------------------------------------------------------


def test_going_back_to_a_chat_reads_only_what_is_new(running: Runs, model: Path) -> None:
    with running(model, ram=MUCH) as engine:
        one, other = talk("one", "1"), talk("other", "2")
        engine.write(one, 12)
        engine.write(other, 12)
        back = engine.write(grown(one), 12)
        assert n_read(back) < 70
    with running(model) as engine:  # keeps nothing
        engine.write(one, 12)
        engine.write(other, 12)
        alone = engine.write(grown(one), 12)
        assert n_read(alone) > 300
    assert back.text == alone.text


def test_without_a_budget_nothing_is_kept_in_memory(running: Runs, model: Path) -> None:
    with running(model, ram=20_000) as engine:  # room for a piece or two
        engine.write(talk("one", "1"), 12)
        engine.write(talk("other", "2"), 12)
        assert n_read(engine.write(grown(talk("one", "1")), 12)) > 200


def test_a_single_question_does_not_cost_the_chat(running: Runs, model: Path) -> None:
    with running(model, ram=MUCH) as engine:
        one = talk("one", "1")
        engine.write(one, 12)
        engine.write(Prompt([system("hello world"), user("x " * 200)], Mode.QUESTION, chat="1"), 4)
        assert n_read(engine.write(grown(one), 12)) < 70


# --- On disk --------------------------------------------------------------------------------------------------------


def test_a_chat_goes_on_after_a_restart_with_the_ids_it_was_written_with(
    running: Runs, model: Path, folder: Path
) -> None:
    prompt = talk("one", "1")
    with running(model, folder) as engine:
        for _ in range(2):
            prompt = grown(prompt, engine.write(prompt, 12).text)
        at_once = engine.write(prompt, 12)
    with running(model, folder) as engine:
        again = engine.write(prompt, 12)
        assert n_read(again) < 70
    assert again.text == at_once.text
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in [*index_files(folder), *pieces(folder)])


def test_the_starter_model_goes_on_as_if_it_had_read_again(running: Runs, starter_model: Path, folder: Path) -> None:
    prompt = Prompt([system("Be brief."), user("Tell me of Paris. " * 40)], chat="7")
    with running(starter_model, folder, n_ctx=512) as engine:
        engine.write(prompt, 12)
    with running(starter_model, folder, n_ctx=1024) as engine:  # another length of the context changes nothing
        restored = engine.write(grown(prompt), 16)
        assert n_read(restored) < 70
    with running(starter_model, n_ctx=1024) as engine:
        read = engine.write(grown(prompt), 16)
    assert restored.text == read.text


def test_what_was_computed_is_written_before_the_model_goes(running: Runs, model: Path, folder: Path) -> None:
    with running(model, folder) as engine:
        engine.write(talk("one", "1"), 12)
        engine.unload()
        assert pieces(folder)
        engine.load(model, n_ctx=1024, n_threads=1)
        assert n_read(engine.write(grown(talk("one", "1")), 12)) < 70


def test_chats_that_were_left_are_written_too(running: Runs, model: Path, folder: Path) -> None:
    with running(model, folder, ram=MUCH) as engine:
        for chat in "123":
            engine.write(talk(f"number {chat}", chat), 4)
        wait_for(lambda: len(index_files(folder)) == 3)
    with running(model, folder) as engine:
        assert n_read(engine.write(talk("number 1", "1"), 4)) == 1


@pytest.mark.parametrize("damage", ["flipped", "cut", "gone", "index flipped", "index cut"])
def test_damage_is_dropped_in_silence(running: Runs, model: Path, folder: Path, damage: str) -> None:
    prompt = talk("one", "1")
    with running(model, folder) as engine:
        engine.write(prompt, 12)
        at_once = engine.write(grown(prompt), 12)
    path = index_files(folder)[0] if "index" in damage else pieces(folder)[0]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(data if "flipped" in damage else data[: len(data) // 2])
    with running(model, folder) as engine:
        again = engine.write(grown(prompt), 12)
        assert n_read(again) > 300
        assert again.text == at_once.text
        wait_for(lambda: index_files(folder))  # written anew
    with running(model, folder) as engine:
        assert n_read(engine.write(grown(prompt), 12)) < 70


def test_states_of_another_model_or_kind_of_cache_are_not_met(running: Runs, tiny: TinyWriter, folder: Path) -> None:
    model, other = tiny(n_ctx_train=2048), tiny("other.gguf", n_ctx_train=2048, seed=1)
    prompt = talk("one", "1")
    with running(model, folder) as engine:
        engine.write(prompt, 12)
    for path, settings in ((other, {}), (model, {"kv_type": KvType.Q8_0}), (model, {"flash_attention": True})):
        with running(path, folder, **settings) as engine:
            reply = engine.write(prompt, 12)
            assert n_read(reply) > 300
        with running(path, **settings) as engine:
            assert engine.write(prompt, 12).text == reply.text


def test_the_quota_holds_and_the_oldest_go(running: Runs, model: Path, folder: Path) -> None:
    with running(model, folder) as engine:
        kept(engine, folder, talk("one", "1"))
        size = sum(path.stat().st_size for path in folder.glob("*/*/*"))
        engine.send(Configure(str(folder), 0, size * 5 // 2))
        for chat in "234":
            kept(engine, folder, talk(chat, chat))
            assert sum(path.stat().st_size for path in folder.glob("*/*/*")) <= size * 5 // 2
        assert len(index_files(folder)) == 2
    with running(model, folder) as engine:
        assert n_read(engine.write(talk("4", "4"), 2)) == 1
        engine.send(Configure(str(folder), 0, 0))
        wait_for(lambda: not list(folder.glob("*/*")))


def test_what_is_forgotten_is_gone_everywhere(running: Runs, model: Path, folder: Path) -> None:
    with running(model, folder, ram=MUCH) as engine:
        engine.write(talk("one", "1"), 2)
        engine.write(talk("two", "2"), 2)
        wait_for(lambda: len(index_files(folder)) == 2)
        engine.send(Forget(["1"]))
        wait_for(lambda: len(index_files(folder)) == 1)
        assert n_read(engine.write(talk("one", "1"), 2)) > 300
        engine.send(Forget(["1", "2"]))
        assert n_read(engine.write(talk("two", "2"), 2)) > 300
        engine.send(Forget(None))
        wait_for(lambda: not list(folder.glob("*/*")))


def test_a_kill_while_states_are_written_leaves_nothing_wrong(tiny: TinyWriter, folder: Path) -> None:
    model = tiny(n_ctx_train=2048, n_layers=4, n_embd=512, n_head=8)  # whose states take a moment to be written
    prompt = talk("one", "1")
    with started(model, folder) as engine:
        first = engine.write(prompt, 4)
        wait_for(lambda: list(folder.glob("*/*/*.part")) or pieces(folder))
        engine.kill()
    with started(model, folder) as engine:
        again = engine.write(prompt, 4)
        assert again.text == first.text
        assert not list(folder.glob("*/*/*.part"))
        wait_for(lambda: index_files(folder))


def test_a_disk_with_little_room_is_left_alone(running: Runs, model: Path, small_disk: Path) -> None:  # noqa: F811
    folder = small_disk / "snapshots"
    with running(model, folder) as engine:
        engine.write(talk("one", "1"), 12)
        time.sleep(3)
        assert not pieces(folder)
        assert isinstance(engine.write(grown(talk("one", "1")), 12).end, Finished)


# --- Reading ahead --------------------------------------------------------------------------------------------------


def test_what_was_prepared_is_not_read_again(running: Runs, model: Path) -> None:
    with running(model) as engine:
        prompt = talk("one", "1")
        engine.write(prompt, 12)
        engine.write(Prompt([user("x")]), 1)
        history = Prompt([*prompt.turns, assistant("hello the world")], chat="1")
        opened = engine.prepare(history)
        assert opened.whole
        assert opened.n_read > 300
        again = engine.prepare(history)
        assert (again.n_read, again.n_reused) == (0, again.n_total)
        draft = "and the capital of the world in the house of the dog in Pari"
        typed = engine.prepare(history, draft)
        assert typed.n_reused >= opened.n_total
        assert typed.n_read > 10
        sent = engine.write(Prompt([*history.turns, user(draft + "s is hello")], chat="1"), 12)
        assert n_read(sent) < 25
    with running(model) as engine:
        alone = engine.write(Prompt([*history.turns, user(draft + "s is hello")], chat="1"), 12)
    assert sent.text == alone.text


def test_a_reply_does_not_wait_for_what_is_prepared(starter_engine: EngineDriver) -> None:
    prompt = Prompt([user("Tell me of Paris. " * 60)])
    prepare = Prepare(starter_engine.new_id(), prompt)
    generate = Generate(starter_engine.new_id(), Prompt([user("Hi")]), GREEDY, max_tokens=2)
    starter_engine.send(prepare)
    time.sleep(0.2)
    starter_engine.send(generate)
    prepared = starter_engine.until(prepare.id, Prepared)[-1]
    assert isinstance(prepared, Prepared)
    assert not prepared.whole
    assert isinstance(starter_engine.reply(generate.id).end, Finished)
    rest = starter_engine.prepare(prompt)
    assert isinstance(rest, Prepared)
    assert rest.whole
    assert n_read(starter_engine.write(prompt, 2)) < 10


def test_nothing_is_prepared_where_nothing_is_loaded(idle_engine: EngineDriver) -> None:
    idle_engine.unload()
    prepared = idle_engine.prepare(talk("one", "1"))
    assert not isinstance(prepared, Failed)
    assert not prepared.whole


# --- Contexts that are full -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kv_type", [KvType.F16, KvType.Q8_0])
def test_what_follows_dropped_turns_is_moved_and_not_read(running: Runs, model: Path, kv_type: KvType) -> None:
    turns: list[Turn] = [system("hello world")]
    ids = itertools.count(1)
    reads: list[tuple[bool, int]] = []  # of each reply: whether more was dropped than before it, and tokens read
    n_dropped = 0
    with running(model, n_ctx=1024, kv_type=kv_type) as engine:
        for number in range(14):
            turns.append(Turn(Role.USER, f"{number} {LONG}", MessageId(next(ids))))
            request = Generate(engine.new_id(), Prompt(turns, overflow=Overflow.ROLL, chat="1"), GREEDY, 12)
            engine.send(request)
            events = engine.until(request.id, Finished)
            end, told = events[-1], [event for event in events if isinstance(event, Dropped)]
            assert isinstance(end, Finished)
            more = bool(told) and len(told[-1].message_ids) > n_dropped
            n_dropped = len(told[-1].message_ids) if told else 0
            reads.append((more, end.stats.n_prompt - end.stats.n_reused))
            text = "".join(event.text for event in events if isinstance(event, Delta))
            turns.append(Turn(Role.ASSISTANT, text, MessageId(next(ids))))
    assert any(more for more, _ in reads[1:])
    if kv_type is KvType.F16:  # else llama.cpp cannot move them, in heads of this width, and crashes if it is told to
        assert max(n for _, n in reads[1:]) < 250  # a question, and at most a reply beside it


# --- Models that keep a running state -------------------------------------------------------------------------------


def test_a_running_state_is_kept_whole(running: Runs, tiny: TinyWriter, folder: Path) -> None:
    model = tiny(architecture="mamba", n_ctx_train=2048)
    prompt = talk("one", "1")
    with running(model, folder, ram=MUCH) as engine:
        prompt = grown(prompt, engine.write(prompt, 12).text)
        engine.write(talk("other", "2"), 4)
        back = engine.write(prompt, 12)
        assert n_read(back) < 70
    with running(model, folder) as engine:
        prompt = grown(prompt, back.text)
        prepared = engine.prepare(Prompt(prompt.turns[:-1], chat="1"), "a draft that is not read")
        assert isinstance(prepared, Prepared)
        assert prepared.n_reused > 400
        assert n_read(engine.write(prompt, 12)) < 70


def test_the_folder_of_another_time_is_tidied(running: Runs, model: Path, folder: Path) -> None:
    with running(model, folder) as engine:
        engine.write(talk("one", "1"), 12)
    place = index_files(folder)[0].parent
    (place / "000000-000064-00000000.part").write_bytes(b"x")
    (place / "000000-000064-00000000.state").write_bytes(b"x")
    (place.parent / "0123-chat").mkdir()
    (place.parent / "0123-chat" / "000000-000064-00000000.state").write_bytes(b"x")
    with running(model, folder) as engine:
        assert n_read(engine.write(talk("one", "1"), 2)) == 1
    assert not list(folder.glob("*/*/*.part"))
    assert not (place.parent / "0123-chat").exists()
    assert list(place.iterdir())
