from __future__ import annotations

from collections.abc import Callable

import pytest
from store_tools import raw, wait

from llamadesk.core.chat import Role, Status
from llamadesk.core.paths import DataFolders
from llamadesk.store.front import Store

Open = Callable[[], Store]

CHATS = {
    "Trip to Kyōto": "京都は美しい町です。 東京から新幹線で行きます。",
    "Cooking": 'Cut the onions, then fry them in butter. 100% of the time it works: a_b and "quotes" and back\\slash.',
    "Straßen": "Die STRASSE ist länger als die Allee. ÉCOLE",
    "日本語": "a chat whose title alone is Japanese",
}

ZEROED = ["UPDATE message_search_data SET block = x'00'"]
# The index's structure record, with a count for which SQLite says that it has no memory.
OVERSIZED = ["UPDATE message_search_data SET block = x'00000000554a2b5cd893f8' WHERE id = 10"]


@pytest.fixture
def store(open_store: Open) -> Store:
    store = open_store()
    for title, content in CHATS.items():
        wait(store.begin_chat(title, content))
    return store


def titles(store: Store, text: str, limit: int = 50) -> list[str]:
    return [hit.conversation.title for hit in wait(store.search(text, limit))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("onion", ["Cooking"]),
        ("ONIONS", ["Cooking"]),
        ("nion butt", ["Cooking"]),
        ("butter onions", ["Cooking"]),
        ("onions llama", []),
        ("新幹線", ["Trip to Kyōto"]),
        ("美しい町で", ["Trip to Kyōto"]),
        ("東京", ["Trip to Kyōto"]),
        ("京", ["Trip to Kyōto"]),
        ("本", ["日本語"]),
        ("日本語", ["日本語"]),
        ("école", ["Straßen"]),
        ("éc", ["Straßen"]),
        ("is länger", ["Straßen"]),
        ("fr in", ["Cooking"]),
        ("100%", ["Cooking"]),
        ("%", ["Cooking"]),
        ("_", ["Cooking"]),
        ("a_b", ["Cooking"]),
        ("axb", []),
        ('"quotes"', ["Cooking"]),
        ("k\\s", ["Cooking"]),
        ("AND", ["Cooking"]),
        ("NEAR(", []),
        ("content:onion", []),
        ("onio*", []),
        ("'; DROP TABLE message; --", []),
        ("   ", []),
        ("", []),
        ("\0", []),
        ("\ud800", []),
        ("x" * 5000, []),
        ("kyō", ["Trip to Kyōto"]),
        ("す。", ["Trip to Kyōto"]),  # the end of a text
        ("LE", ["日本語", "Straßen"]),
    ],
)
def test_what_is_found(store: Store, text: str, expected: list[str]) -> None:
    assert titles(store, text) == expected


def test_a_title_comes_before_a_message_and_has_no_snippet(store: Store) -> None:
    wait(store.begin_chat("Onions", "nothing of the kind"))
    wait(store.begin_chat("Newest", "onions again"))
    hits = wait(store.search("onions"))
    assert [(hit.conversation.title, bool(hit.snippet), bool(hit.message_id)) for hit in hits] == [
        ("Onions", False, False),
        ("Newest", True, True),
        ("Cooking", True, True),
    ]


def test_each_chat_once_with_its_newest_match_up_to_the_limit(store: Store) -> None:
    newest = {}
    for number in range(6):
        chat, message = wait(store.begin_chat(f"Chat {number}", "a llama"))
        newest[chat.id] = wait(store.add_message(chat.id, message.id, Role.ASSISTANT, "Llamas!", Status.COMPLETE)).id
    hits = wait(store.search("llama", limit=4))
    assert [hit.message_id for hit in hits] == sorted(newest.values(), reverse=True)[:4]


def test_the_snippet_shows_the_match_in_one_line(store: Store) -> None:
    wait(store.begin_chat("t", "before " * 100 + "\n\n the\tneedle\n" + "after " * 100))
    (hit,) = wait(store.search("needle"))
    assert "before the needle after" in hit.snippet
    assert hit.snippet.startswith("…") and hit.snippet.endswith("…") and len(hit.snippet) < 180


def test_a_reply_is_found_once_it_is_finished_and_its_checkpoints_leave_the_index_alone(store: Store) -> None:
    def index() -> object:
        return store._submit(lambda c: c.execute("SELECT * FROM message_search_data").fetchall()).result()

    chat, question = wait(store.begin_chat("t", "q"))
    reply = wait(store.add_message(chat.id, question.id, Role.ASSISTANT, "", Status.STREAMING))
    before = index()
    for length in range(1, 20):
        wait(store.checkpoint_reply(reply.id, "pineapple " * length))
    assert index() == before
    assert titles(store, "pineapple") == titles(store, "pi") == []
    wait(store.finish_reply(reply.id, "pineapple and mango", Status.STOPPED))
    assert titles(store, "pineapple") == ["t"]
    wait(store.finish_reply(reply.id, "only mango", Status.COMPLETE))
    assert (titles(store, "pineapple"), titles(store, "mango")) == ([], ["t"])
    assert wait(store.check()).search_sound


@pytest.mark.allow_log("the search index")
@pytest.mark.parametrize(
    "damage",
    [
        ZEROED,
        OVERSIZED,
        ["UPDATE message_search_data SET block = randomblob(length(block))"],
        ["DELETE FROM message_search_data"],
        ["DELETE FROM message_search_data WHERE id > 10"],
        ["DELETE FROM message_search_config"],
        ["DROP TABLE message_search_idx"],
        ["DROP TABLE message_search_data"],
        ["DROP TABLE message_search_config", "DROP TABLE message_search_data"],
        ["DROP TABLE message_search"],
        ["DROP VIEW message_searchable"],
        ["DROP TRIGGER message_search_insert"],
    ],
    ids=lambda damage: damage[-1],
)
@pytest.mark.parametrize("first", ["write", "search"])
def test_a_damaged_index_is_made_again(
    store: Store, open_store: Open, data_folders: DataFolders, damage: list[str], first: str
) -> None:
    store.close()
    raw(data_folders, *damage)
    store = open_store()
    if first == "search":
        if damage == ZEROED:  # no search notices that; the daily check does
            assert titles(store, "onion") == []
            assert wait(store.backup_if_due())
        assert titles(store, "onion") == ["Cooking"]
    wait(store.begin_chat("New", "fresh onions"))
    assert titles(store, "onion") == ["New", "Cooking"]
    report = wait(store.check())
    assert (report.n_messages, report.integrity, report.damaged_messages) == (5, (), ())
    assert report.search_sound
    assert store.recovered is None


@pytest.mark.allow_log("the search index")
def test_a_reply_that_was_interrupted_survives_a_damaged_index(
    store: Store, open_store: Open, data_folders: DataFolders
) -> None:
    chat, question = wait(store.begin_chat("t", "q"))
    wait(store.add_message(chat.id, question.id, Role.ASSISTANT, "half a papaya", Status.STREAMING))
    store.close()
    raw(data_folders, "DELETE FROM message_search_data")
    store = open_store()
    assert wait(store.messages(chat.id))[-1].status is Status.INTERRUPTED
    assert titles(store, "papaya") == ["t"]
