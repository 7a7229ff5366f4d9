"""Chats: drafts, names, search, the trash; with the real store."""

from __future__ import annotations

from llamadesk.control.desk import Desk
from tests.control.desk_driver import DeskDriver

QUICK = {"lives": [{"generate": [[{"type": "Speak", "text": "Yes. ", "n_tokens": 1}]]}]}


def open_with_chats(driver: DeskDriver, *texts: str) -> Desk:
    desk = driver.open(driver.fake(QUICK))
    for text in texts:
        desk.chats.new_chat()
        desk.replies.send(text)
        driver.until(lambda: not desk.replies.busy)
    return desk


def titles(desk: Desk) -> list[str]:
    return [desk.conversations.conversation(row).title for row in range(desk.conversations.rowCount())]


def test_each_chat_keeps_its_draft_and_so_does_a_new_one(driver: DeskDriver) -> None:
    desk = open_with_chats(driver, "one", "two")
    one, two = (desk.conversations.conversation(row).id for row in (1, 0))
    desk.chats.save_draft("draft of two")
    desk.chats.open(one)
    driver.until(lambda: desk.conversations.current == one)
    assert desk.chats.draft == ""
    desk.chats.save_draft("draft of one")
    desk.chats.new_chat()
    desk.chats.save_draft("draft of a new chat")
    driver.close(desk)  # at once: nothing waits for a pause in typing

    desk = driver.open(driver.fake(QUICK))
    assert desk.conversations.current is None
    assert desk.chats.draft == "draft of a new chat"
    for chat, draft in ((one, "draft of one"), (two, "draft of two")):
        desk.chats.open(chat)
        driver.until(lambda chat=chat: desk.conversations.current == chat)
        assert desk.chats.draft == draft


def test_a_draft_is_gone_once_it_is_sent(driver: DeskDriver) -> None:
    desk = open_with_chats(driver)
    desk.chats.save_draft("hello")
    desk.replies.send("hello")
    desk.chats.save_draft("")  # the composer was emptied
    driver.until(lambda: not desk.replies.busy)
    driver.close(desk)
    desk = driver.open(driver.fake(QUICK))
    assert desk.chats.draft == ""
    desk.chats.new_chat()
    assert desk.chats.draft == ""


def test_the_chat_of_last_time_is_open_again(driver: DeskDriver) -> None:
    desk = open_with_chats(driver, "one", "two")
    one = desk.conversations.conversation(1).id
    desk.chats.open(one)
    driver.until(lambda: desk.conversations.current == one)
    driver.close(desk)
    desk = driver.open(driver.fake(QUICK))
    assert desk.conversations.current == one
    assert [m.content for m in desk.transcript.messages()] == ["one", "Yes. "]


def test_what_is_typed_while_the_app_starts_stays(driver: DeskDriver) -> None:
    driver.close(open_with_chats(driver, "one"))
    desk = driver.open(driver.fake(QUICK), before=lambda desk: desk.chats.save_draft("typed at once"))
    assert desk.conversations.current is None
    assert desk.chats.draft == "typed at once"
    assert titles(desk) == ["one"]


def test_rename_and_search(driver: DeskDriver) -> None:
    desk = open_with_chats(driver, "how to bake bread", "日本語の練習", "tax letter")
    desk.chats.rename(desk.conversations.conversation(0).id, "  Finanzamt\n zwei ")
    driver.until(lambda: titles(desk)[0] == "Finanzamt")
    desk.chats.rename(desk.conversations.conversation(0).id, "   ")
    for text, expected in (("bread", ["how to bake bread"]), ("練習", ["日本語の練習"]), ("zzz", [])):
        desk.chats.search(text)
        driver.until(lambda expected=expected: titles(desk) == expected)
    desk.chats.search("")
    assert titles(desk) == ["Finanzamt", "日本語の練習", "how to bake bread"]


def test_opening_quickly_ends_at_the_last_one(driver: DeskDriver) -> None:
    desk = open_with_chats(driver, "one", "two", "three")
    for row in (2, 1, 2, 1):
        desk.chats.open(desk.conversations.conversation(row).id)
    driver.until(lambda: [m.content for m in desk.transcript.messages()][:1] == ["two"])
    driver.pause(0.1)
    assert desk.conversations.current == desk.conversations.conversation(1).id
