"""Every method of the store, on a real database."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
from collections.abc import Callable

import pytest
from store_tools import Nursery, fill, raw, wait

from llamadesk.core.chat import ConversationId, MessageId, ReplyStats, Role, Status, Timestamp
from llamadesk.core.errors import ProblemCode, ProblemError
from llamadesk.core.paths import DataFolders
from llamadesk.store import conversations
from llamadesk.store.front import Store

Open = Callable[[], Store]


def test_chats_and_messages_are_there_after_a_restart(open_store: Open) -> None:
    async def scenario() -> None:
        store = open_store()
        assert store.recovered is None
        chat, question = await store.begin_chat("France", "What is its capital?")
        reply = await store.add_message(chat.id, question.id, Role.ASSISTANT, "", Status.STREAMING, "smol")
        await store.checkpoint_reply(reply.id, "Par")
        stats = ReplyStats(n_prompt=10, n_reused=4, n_generated=3, prefill_seconds=0.5, decode_seconds=0.25)
        finished = await store.finish_reply(reply.id, "Paris.", Status.COMPLETE, stats)
        assert (finished.content, finished.status, finished.stats) == ("Paris.", Status.COMPLETE, stats)
        store.close()

        again = open_store()
        (found,) = await again.conversations()
        assert (found.title, found.leaf_id, found.updated_at) == ("France", reply.id, reply.created_at)
        assert await again.messages(found.id) == [question, finished]
        assert finished.model_name == "smol"

    wait(scenario())


def test_a_reply_that_was_streaming_is_interrupted_and_searchable_after_a_restart(open_store: Open) -> None:
    async def scenario() -> None:
        store = open_store()
        chat, question = await store.begin_chat("t", "q")
        reply = await store.add_message(chat.id, question.id, Role.ASSISTANT, "", Status.STREAMING)
        await store.checkpoint_reply(reply.id, "half an answer")
        assert await store.search("answer") == []
        store.close()

        store = open_store()
        last = (await store.messages(chat.id))[-1]
        assert (last.content, last.status, last.damaged) == ("half an answer", Status.INTERRUPTED, False)
        assert [hit.message_id for hit in await store.search("answer")] == [reply.id]

    wait(scenario())


def test_conversations_newest_first_renamed_trashed_restored_purged(open_store: Open) -> None:
    async def scenario() -> None:
        store = open_store()
        first, _ = await store.begin_chat("first", "llamas")
        second = await store.create_conversation("second")
        assert [c.id for c in await store.conversations()] == [second.id, first.id]
        assert (await store.rename_conversation(second.id, "renamed")).title == "renamed"

        await store.trash_conversation(first.id)
        assert [c.title for c in await store.conversations()] == ["renamed"]
        assert await store.search("llamas") == []
        assert await store.purge_trash(Timestamp(0)) == 0
        assert (await store.restore_conversation(first.id)).title == "first"
        assert [hit.conversation.id for hit in await store.search("llamas")] == [first.id]

        await store.trash_conversation(first.id)
        assert await store.purge_trash(Timestamp(conversations.now() + 1)) == 1
        with pytest.raises(LookupError):
            await store.restore_conversation(first.id)
        assert await store.messages(first.id) == []
        report = await store.check()
        assert (report.n_conversations, report.n_messages, report.sound) == (1, 0, True)
        # An id is never given again.
        assert (await store.create_conversation("third")).id > second.id

    wait(scenario())


def test_a_long_chat_can_be_purged(open_store: Open) -> None:
    """1,500 messages are deeper than SQLite lets a cascade along parent_id go."""

    async def scenario() -> None:
        store = open_store()
        store._submit(lambda connection: connection.execute("PRAGMA synchronous = OFF")).result()  # only for speed
        chat, message = await store.begin_chat("t", "x")
        for _ in range(1499):
            message = await store.add_message(chat.id, message.id, Role.USER, "x", Status.COMPLETE)
        assert [m.id for m in await store.messages(chat.id)] == list(range(1, 1501))
        await store.trash_conversation(chat.id)
        assert await store.purge_trash(Timestamp(2**50)) == 1
        assert (await store.check()).n_messages == 0

    wait(scenario())


def test_messages_are_a_tree_and_the_leaf_chooses_the_path(open_store: Open) -> None:
    async def scenario() -> None:
        store = open_store()
        chat, root = await store.begin_chat("t", "question")
        one = await store.add_message(chat.id, root.id, Role.ASSISTANT, "one", Status.COMPLETE)
        two = await store.add_message(chat.id, root.id, Role.ASSISTANT, "two", Status.COMPLETE)
        assert await store.messages(chat.id) == [root, two]
        after = await store.add_message(chat.id, one.id, Role.USER, "after one", Status.COMPLETE)
        assert await store.messages(chat.id) == [root, one, after]
        other_root = await store.add_message(chat.id, None, Role.USER, "edited question", Status.COMPLETE)
        assert await store.messages(chat.id) == [other_root]

    wait(scenario())


def test_nothing_is_added_where_it_does_not_belong(open_store: Open) -> None:
    async def scenario() -> None:
        store = open_store()
        chat, root = await store.begin_chat("t", "x")
        other = await store.create_conversation("other")
        for conversation_id, parent_id in (
            (ConversationId(99), None),
            (chat.id, MessageId(99)),
            (other.id, root.id),  # a parent in another chat
        ):
            with pytest.raises(LookupError):
                await store.add_message(conversation_id, parent_id, Role.USER, "lost", Status.COMPLETE)
        for change in (
            store.rename_conversation(ConversationId(99), "x"),
            store.trash_conversation(ConversationId(99)),
            store.set_draft(ConversationId(99), "x"),
            store.checkpoint_reply(MessageId(99), "x"),
            store.finish_reply(MessageId(99), "x", Status.COMPLETE),
        ):
            with pytest.raises(LookupError):
                await change
        with pytest.raises(ValueError, match="stream"):
            await store.finish_reply(root.id, "x", Status.STREAMING)
        assert (await store.check()).n_messages == 1

    wait(scenario())


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("", ""),
        ("a\0b\0", "a\0b\0"),
        ("half \ud83d of a pair", "half � of a pair"),
        ("both \ud83e\udd99 halves", "both 🦙 halves"),
        ("\ufeff日本\r\n\u2028\x1b[31m", "\ufeff日本\r\n\u2028\x1b[31m"),
        ("1 MB and more " * 100_000, "1 MB and more " * 100_000),
    ],
    ids=["empty", "NUL", "lone surrogate", "surrogate pair", "controls", "1.4 MB"],
)
def test_any_text_is_kept(open_store: Open, given: str, kept: str) -> None:
    async def scenario() -> None:
        store = open_store()
        chat, question = await store.begin_chat(given[:50], given)
        await store.set_draft(chat.id, given)
        reply = await store.add_message(chat.id, question.id, Role.ASSISTANT, "", Status.STREAMING, given[:50])
        await store.checkpoint_reply(reply.id, given)
        reply = await store.finish_reply(reply.id, given, Status.STOPPED)
        await store.set_setting("chat.system_prompt", given)
        store.close()
        store = open_store()
        (found,) = await store.conversations()
        assert (found.title, found.draft) == (kept[:50], kept)
        assert [(m.content, m.damaged) for m in await store.messages(chat.id)] == [(kept, False)] * 2
        assert (await store.settings())["chat.system_prompt"] == kept
        assert (await store.check()).sound
        await store.search(given)

    wait(scenario())


def test_a_message_of_20_mb(open_store: Open) -> None:
    async def scenario() -> None:
        store = open_store()
        content = "twenty " + "x" * (20 * 1024 * 1024)
        chat, message = await store.begin_chat("t", content)
        (found,) = await store.messages(chat.id)
        assert found == message and len(found.content) == len(content)
        assert [hit.message_id for hit in await store.search("twenty")] == [message.id]

    wait(scenario())


def test_drafts(open_store: Open) -> None:
    async def scenario() -> None:
        store = open_store()
        chat = await store.create_conversation("t")
        await store.set_draft(chat.id, "not sent yet")
        store.close()
        (found,) = await open_store().conversations()
        assert (found.draft, found.updated_at) == ("not sent yet", chat.updated_at)

    wait(scenario())


def test_settings_keep_their_types(open_store: Open) -> None:
    values = {"a": True, "b": 3, "c": 0.1, "d": 'text "quoted" ü', "e": -1, "f": ""}

    async def scenario() -> None:
        store = open_store()
        for key, value in values.items():
            await store.set_setting(key, 7)
            await store.set_setting(key, value)
        assert await store.settings() == store.read_settings_now() == values
        assert {type(v) for v in store.read_settings_now().values()} == {bool, int, float, str}

    wait(scenario())


@pytest.mark.allow_log("the setting b cannot be read")
def test_a_setting_that_cannot_be_read_is_left_out(open_store: Open, data_folders: DataFolders) -> None:
    store = open_store()
    store.set_setting_soon("a", 1)
    store.set_setting_soon("b", 2)
    store.close()
    raw(data_folders, "UPDATE setting SET value = '{' WHERE key = 'b'")
    assert open_store().read_settings_now() == {"a": 1}


def test_close_finishes_what_was_asked_and_leaves_one_file(open_store: Open, data_folders: DataFolders) -> None:
    store = open_store()
    for number in range(50):
        store.set_setting_soon(f"key{number}", number)
    store.close()
    store.close()
    assert sorted(path.name for path in data_folders.root.iterdir()) == ["llamadesk.db", "llamadesk.db.lock"]
    assert len(open_store().read_settings_now()) == 50


def test_a_closed_store_says_so(open_store: Open) -> None:
    store = open_store()
    store.close()
    with pytest.raises(RuntimeError, match="closed"):
        wait(store.conversations())
    with pytest.raises(RuntimeError, match="closed"):
        store.set_setting_soon("a", 1)


def test_a_write_is_done_even_where_nobody_waits_for_it_any_more(open_store: Open) -> None:
    async def scenario() -> None:
        store = open_store()
        await store.create_conversation("first")
        task = asyncio.create_task(store.begin_chat("t", "must not be lost"))
        busy = asyncio.create_task(store.check())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, busy, return_exceptions=True)
        assert task.cancelled()
        assert len(await store.search("must not be lost")) == 1

    wait(scenario())


def test_a_clock_that_goes_backwards_reorders_nothing(open_store: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    years = itertools.cycle([2026, 2076, 2016, 1970])
    monkeypatch.setattr(conversations, "now", lambda: Timestamp((next(years) - 1970) * 365 * 86_400_000))

    async def scenario() -> None:
        store = open_store()
        chat, message = await store.begin_chat("t", "0")
        for number in range(1, 5):
            message = await store.add_message(chat.id, message.id, Role.USER, str(number), Status.COMPLETE)
        assert [m.content for m in await store.messages(chat.id)] == list("01234")
        store.close()
        assert [m.content for m in await open_store().messages(chat.id)] == list("01234")

    wait(scenario())


@pytest.mark.allow_log("is damaged: its checksum")
@pytest.mark.parametrize(
    "damage",
    [
        "content = 'What is its kapital?'",
        "content = CAST(x'C3285080FF' AS TEXT)",
        "role = 'assistant'",
        "checksum = x'00'",
    ],
)
def test_a_message_that_the_disk_has_altered_is_marked(
    open_store: Open, data_folders: DataFolders, damage: str
) -> None:
    store = open_store()
    chat, message = wait(store.begin_chat("t", "What is its capital?"))
    reply = wait(store.add_message(chat.id, message.id, Role.ASSISTANT, "Paris", Status.COMPLETE))
    store.close()
    raw(
        data_folders,
        "DROP TRIGGER message_search_outdate",
        "DROP TRIGGER message_search_update",
        f"UPDATE message SET {damage} WHERE id = {message.id}",
    )
    store = open_store()
    assert [m.damaged for m in wait(store.messages(chat.id))] == [True, False]
    report = wait(store.check())
    assert report.damaged_messages == (message.id,) and not report.sound
    wait(store.add_message(chat.id, reply.id, Role.USER, "and on", Status.COMPLETE))


@pytest.mark.allow_log("has lost messages before", "is damaged: its checksum")
def test_a_circle_of_messages_ends(open_store: Open, data_folders: DataFolders) -> None:
    store = open_store()
    chain = wait(fill(store, 1, 2))
    store.close()
    raw(data_folders, "PRAGMA ignore_check_constraints = ON", "UPDATE message SET parent_id = 5 WHERE id = 3")
    store = open_store()
    (chat,) = wait(store.conversations())
    assert [(m.id, m.damaged) for m in wait(store.messages(chat.id))] == [(3, True), (4, False), (5, False)]
    assert [m.id for m in chain] == [1, 2, 3, 4, 5]


def test_the_database_is_as_durable_as_it_says(open_store: Open) -> None:
    connection_state = {}

    def look(connection: object) -> None:
        for pragma in ("journal_mode", "synchronous", "foreign_keys", "locking_mode", "user_version"):
            connection_state[pragma] = connection.execute(f"PRAGMA {pragma}").fetchone()[0]  # type: ignore[attr-defined]

    open_store()._submit(look).result()
    assert connection_state == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "locking_mode": "exclusive",
        "user_version": 2,
    }


def test_a_second_store_on_the_same_folder_is_refused(open_store: Open, data_folders: DataFolders) -> None:
    store = open_store()
    with pytest.raises(ProblemError) as caught:
        Store.open(data_folders)
    assert caught.value.problem.code is ProblemCode.STORE_IN_USE
    code = (
        "import sys; from llamadesk.core.paths import data_folders; from llamadesk.store.front import Store\n"
        "from llamadesk.core.errors import ProblemError\n"
        "try: Store.open(data_folders(sys.argv[1]))\n"
        "except ProblemError as error: print(error.problem.code.value)\n"
    )
    other = subprocess.run(
        [sys.executable, "-c", code, str(data_folders.root)], capture_output=True, text=True, check=True, timeout=60
    )
    assert other.stdout.strip() == "store_in_use", other.stderr
    wait(store.begin_chat("still", "works"))
    store.close()
    open_store()


def test_of_twenty_starts_at_once_one_is_let_in(nursery: Nursery, data_folders: DataFolders) -> None:
    pid = nursery.ask(do="start", folder=str(data_folders.root), starts=20)
    codes = [line["code"] for line in nursery.lines(pid, None)]
    assert sorted(codes) == ["open", *["store_in_use"] * 19]


def test_only_the_owner_may_read_the_chats(open_store: Open, data_folders: DataFolders) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows keeps the folder private by its place")
    store = open_store()
    wait(store.begin_chat("t", "private"))
    assert wait(store.backup_if_due())
    for path in (data_folders.root, *data_folders.root.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path
