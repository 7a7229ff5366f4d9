"""The transcript on an offscreen platform: no holes, nothing moves that is read, selection, names, nothing opened."""

from __future__ import annotations

import gc
import os
import random
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QDesktopServices, QGuiApplication, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from llamadesk.core.chat import ConversationId, Message, MessageId, ReplyStats, Role, Status, Timestamp
from llamadesk.core.markdown import Paragraph, Span, TextBlock
from llamadesk.core.settings import Theme
from llamadesk.state.transcript import MessageListModel
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.transcript.band import Band
from llamadesk.ui.transcript.blocks.base import BlockWidget
from llamadesk.ui.transcript.blocks.code import CodeWidget
from llamadesk.ui.transcript.blocks.dots import Dots
from llamadesk.ui.transcript.blocks.text import TextWidget
from llamadesk.ui.transcript.fitting import Item
from llamadesk.ui.transcript.group import MessageGroup
from llamadesk.ui.transcript.look import Look
from llamadesk.ui.transcript.pieces import Kind, Piece
from llamadesk.ui.transcript.view import TranscriptView

pytestmark = [
    pytest.mark.allow_log("no font on this machine has"),
    pytest.mark.qt_log_ignore("This plugin does not support"),  # offscreen: grabbing the mouse, hints of sizes
]

REPLY = """Some *text* with `code`, **bold** and a [link](https://example.com).

- one
- two with `x = 1`
  1. nested

```python
def f(x):
    return "a very long line, longer than a narrow view is wide: " + "x" * 10 + "y" * 20 + str(x) + "the end"
```

| a | b |
|---|--:|
| 1 | 2 |

> quoted

كلما ارتفعت درجة الحرارة

---

## The end

温度越高 🦙
"""
MESSAGES = (
    "A question?",
    REPLY,
    "Another\n\nquestion with a fence\n```\ncode\n```",
    "Short.",
    "word " * 900,
    REPLY * 12,
)


def message(number: int, text: str, role: Role | None = None, status: Status = Status.COMPLETE) -> Message:
    role = role or (Role.ASSISTANT if number % 2 else Role.USER)
    name = "Model" if role is Role.ASSISTANT else ""
    return Message(MessageId(number), ConversationId(1), None, role, text, status, Timestamp(0), name)


def chat(count: int, texts: tuple[str, ...] = MESSAGES) -> list[Message]:
    return [message(number, texts[number % len(texts)]) for number in range(count)]


View = Callable[..., TranscriptView]


@pytest.fixture
def theme(qapp: QApplication) -> ThemeManager:
    theme = ThemeManager()
    theme.set_theme(Theme.LIGHT)
    return theme


@pytest.fixture
def view(qtbot: QtBot, theme: ThemeManager) -> View:
    def make(messages: list[Message] | None = None, width: int = 900, height: int = 600) -> TranscriptView:
        model = MessageListModel()
        view = TranscriptView(model, theme)
        model.setParent(view)
        view.model = model  # type: ignore[attr-defined]
        qtbot.addWidget(view)
        view.resize(width, height)
        view.show()
        qtbot.waitExposed(view)
        model.show(messages or [])
        return view

    return make


def band(view: TranscriptView) -> Band:
    return view.area.strip.band


def check_no_holes(view: TranscriptView) -> None:
    """The viewport is covered by pieces that follow each other, at their true heights, each widget in its place."""
    area = view.area
    items = band(view).items
    assert items
    top, bottom = area.strip.top, area.strip.top + area.viewport().height()
    assert band(view).top <= top or band(view).at_start
    assert band(view).bottom >= bottom or band(view).at_end
    for above, below in pairwise(items):
        assert above.bottom == below.y
        assert (above.row, above.piece.key) < (below.row, below.piece.key)
        if above.row == below.row:
            assert below.piece.index == above.piece.index + 1
        else:
            assert (below.row, below.piece.index, above.piece.kind) == (above.row + 1, 0, Kind.FOOT)
    for item in items:
        assert item.widget.isVisible()
        in_viewport = item.widget.mapTo(area.viewport(), QPoint(0, 0))
        assert in_viewport == QPoint(item.x, item.y + item.space - top)
        assert item.widget.height() == item.content_height
        group = item.widget.parentWidget()
        assert isinstance(group, MessageGroup)
        assert group.rect().contains(item.widget.geometry().adjusted(0, 0, 0, -1))


def settle(qapp: QApplication) -> None:
    for _ in range(40):
        qapp.processEvents()


def text_item(view: TranscriptView, containing: str) -> Item:
    return next(
        item for item in band(view).items if item.piece.block is not None and containing in item.piece.block.plain_text
    )


def test_opens_at_the_end_and_scrolls_to_the_start(view: View, qapp: QApplication) -> None:
    shown = view(chat(200))
    assert shown.area.strip.at_end
    check_no_holes(shown)
    bar = shown.area.verticalScrollBar()
    assert bar.value() == bar.maximum() > 0
    shown.area.strip.jump_to(0)
    check_no_holes(shown)
    assert bar.value() == 0
    assert band(shown).at_start
    first = band(shown).items[0]
    assert first.row == 0 and 0 < first.y - shown.area.strip.top < 60
    shown.area.strip.to_end()
    assert shown.area.strip.at_end
    settle(qapp)
    check_no_holes(shown)


def test_only_what_is_near_the_screen_has_widgets(view: View, qapp: QApplication) -> None:
    shown = view(chat(3000))
    settle(qapp)
    assert len(band(shown).items) < 80
    for value in range(0, shown.area.verticalScrollBar().maximum(), 200_000):
        shown.area.strip.jump_to(value)
        settle(qapp)
    assert len(shown.findChildren(BlockWidget)) < 400


@pytest.mark.parametrize("seed", range(3))
def test_random_scrolls_jumps_resizes_and_growth_leave_no_holes(view: View, qapp: QApplication, seed: int) -> None:
    rng = random.Random(seed)
    shown = view([*chat(40), message(40, "line\n" * 3000), message(41, REPLY * 300)])
    model: MessageListModel = shown.model  # type: ignore[attr-defined]
    area = shown.area
    number = 1000
    streaming: MessageId | None = None
    for _ in range(160):
        action = rng.randrange(9)
        if action == 0:
            area.strip.jump_to(rng.randrange(area.verticalScrollBar().maximum() + 1))
        elif action == 1:
            shown.resize(rng.randrange(300, 1400), rng.randrange(200, 900))
        elif action == 2:
            number += 1
            model.append(message(number, rng.choice(MESSAGES)))
        elif action == 3 and streaming is None:
            number += 1
            model.append(message(number, "", Role.ASSISTANT, Status.STREAMING))
            streaming = MessageId(number)
        elif action == 4 and streaming is not None:
            row = model.row_of(streaming)
            assert row is not None
            model.replace(msgspec.structs.replace(model.message(row), status=Status.COMPLETE))
            streaming = None
        elif action == 5 and streaming is not None:
            model.append_text(streaming, rng.choice(("word " * 20, "\n\n", "```\ncode\n", "- item\n", REPLY)))
        elif action == 6:
            (area.strip.to_end if rng.random() < 0.3 else lambda: area.strip.jump_to(0))()
        else:
            area.strip.scroll_by(rng.randrange(-900, 900))
        if rng.random() < 0.5:
            qapp.processEvents()
        check_no_holes(shown)


def test_what_is_read_stays_while_guesses_above_are_corrected(view: View, qapp: QApplication) -> None:
    shown = view(chat(300))
    area = shown.area
    area.strip.jump_to(area.verticalScrollBar().maximum() // 2)
    item = band(shown).at(area.strip.top + 200)
    assert item is not None

    def place() -> int:
        return item.widget.mapTo(area.viewport(), QPoint(0, 0)).y()

    before = place()
    settle(qapp)  # pieces above are laid out in idle moments
    assert place() == before
    for _ in range(20):
        area.strip.scroll_by(-30)
        before += 30
        assert place() == before
        settle(qapp)


def test_what_is_read_stays_while_a_reply_grows(view: View) -> None:
    shown = view([*chat(30), message(31, "", status=Status.STREAMING)])
    model: MessageListModel = shown.model  # type: ignore[attr-defined]
    shown.area.strip.scroll_by(-1500)
    assert not shown.area.strip.follows
    item = band(shown).at(shown.area.strip.top + 100)
    assert item is not None
    before = item.widget.mapTo(shown.area.viewport(), QPoint(0, 0)).y()
    for _ in range(40):
        model.append_text(MessageId(31), "Some more words. " * 10 + "\n\n")
    assert item.widget.mapTo(shown.area.viewport(), QPoint(0, 0)).y() == before
    assert not shown.area.strip.at_end
    check_no_holes(shown)


def test_the_end_is_followed_until_one_scrolls_up(view: View) -> None:
    shown = view([message(0, "Hi"), message(1, "", status=Status.STREAMING)])
    model: MessageListModel = shown.model  # type: ignore[attr-defined]
    button = next(child for child in shown.findChildren(QPushButton) if child.accessibleName() == "Jump to the end")
    for _ in range(60):
        model.append_text(MessageId(1), "Some more words. " * 5 + "\n\n")
        assert shown.area.strip.at_end
        check_no_holes(shown)
    assert button.isHidden()
    shown.area.strip.scroll_by(-400)
    model.append_text(MessageId(1), "And more. " * 50)
    assert not shown.area.strip.at_end
    assert button.isVisible()
    button.click()
    assert shown.area.strip.at_end
    assert button.isHidden()
    shown.area.strip.scroll_by(-400)
    model.append(message(2, "A new question brings the end back"))
    assert shown.area.strip.at_end


def look_of(view: TranscriptView) -> list[tuple[object, ...]]:
    return [
        (item.row, item.piece.kind, item.piece.block, item.x, item.width, item.space, item.content_height)
        for item in band(view).items
    ]


def test_a_streamed_reply_looks_like_the_whole_one(view: View, qapp: QApplication) -> None:
    rng = random.Random(1)
    streamed = view([message(0, "Hi"), message(1, "", status=Status.STREAMING)])
    model: MessageListModel = streamed.model  # type: ignore[attr-defined]
    position = 0
    while position < len(REPLY):
        step = rng.randrange(1, 12)
        model.append_text(MessageId(1), REPLY[position : position + step])
        position += step
        check_no_holes(streamed)
    model.replace(message(1, REPLY))
    whole = view([message(0, "Hi"), message(1, REPLY)])
    for shown in (streamed, whole):
        shown.area.strip.jump_to(0)
        settle(qapp)
    assert look_of(streamed) == look_of(whole)
    assert streamed.grab().toImage() == whole.grab().toImage()


def test_recycled_widgets_look_like_new_ones(view: View, qapp: QApplication) -> None:
    fresh = view(chat(40))
    used = view(chat(60, (REPLY, "x" * 3000, "Short.")))
    for value in range(0, used.area.verticalScrollBar().maximum(), 1500):
        used.area.strip.jump_to(value)
        settle(qapp)
    used.model.show(chat(40))  # type: ignore[attr-defined]
    for shown in (fresh, used):
        shown.area.strip.scroll_by(-1700)
        settle(qapp)
    assert fresh.grab().toImage() == used.grab().toImage()


def test_a_change_of_theme_and_text_size_keeps_the_place(view: View, theme: ThemeManager, qapp: QApplication) -> None:
    shown = view(chat(60))
    shown.area.strip.jump_to(shown.area.verticalScrollBar().maximum() // 2)
    item = band(shown).at(shown.area.strip.top)
    assert item is not None
    row = item.row
    light = shown.grab().toImage()
    theme.set_theme(Theme.DARK)
    check_no_holes(shown)
    assert shown.grab().toImage() != light
    theme.set_zoom(150)
    settle(qapp)
    check_no_holes(shown)
    after = band(shown).at(shown.area.strip.top)
    assert after is not None and after.row == row
    theme.set_zoom(100)
    theme.set_theme(Theme.LIGHT)


def test_messages_are_named_groups_in_order_and_the_last_ones_are_always_there(view: View, qapp: QApplication) -> None:
    texts = [f"Unique text {number}" for number in range(300)]
    shown = view([message(number, text) for number, text in enumerate(texts)])
    assert shown.accessibleName() == "Transcript"

    def names() -> list[str]:
        return [
            block.accessibleName()
            for group in shown.findChildren(MessageGroup)
            if group.isVisible()
            for block in group.children()
            if isinstance(block, BlockWidget) and block.accessibleName().startswith("Unique")
        ]

    for value in (0, shown.area.verticalScrollBar().maximum() // 2, shown.area.verticalScrollBar().maximum()):
        shown.area.strip.jump_to(value)
        settle(qapp)
        found = names()
        assert found[-2:] == texts[-2:]
        numbers = [texts.index(name) for name in found]
        assert numbers == sorted(set(numbers))
    speakers = [group.accessibleName() for group in shown.findChildren(MessageGroup) if group.isVisible()]
    assert set(speakers) == {"You", "Model"}
    shown.area.strip.jump_to(0)
    shown.model.append(message(301, "Unique answer"))  # type: ignore[attr-defined]
    assert names()[-1] == "Unique answer"


def test_the_last_reply_can_be_read_from_outside_while_it_streams_below(view: View) -> None:
    shown = view([*chat(60), message(61, "", status=Status.STREAMING)])
    model: MessageListModel = shown.model  # type: ignore[attr-defined]
    shown.area.strip.jump_to(0)
    model.append_text(MessageId(61), "The capital is Paris.")
    assert any("Paris" in block.accessibleName() for block in shown.findChildren(BlockWidget) if block.isVisible())


def test_copy_buttons(view: View) -> None:
    shown = view([message(0, "Hi"), message(1, REPLY)])
    buttons = [button for button in band(shown).items[-1].widget.findChildren(QPushButton) if button.isVisible()]
    assert [button.accessibleName() for button in buttons] == ["Copy", "Pin message"]
    buttons[0].click()
    assert QGuiApplication.clipboard().text() == REPLY
    code = text_item(shown, "def f(x)").widget
    copy = next(button for button in code.findChildren(QPushButton) if button.accessibleName() == "Copy code")
    copy.click()
    assert QGuiApplication.clipboard().text().startswith("def f(x):\n    return")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (Status.STOPPED, "Stopped"),
        (Status.INTERRUPTED, "Interrupted. What was written is kept."),
        (Status.CUT_OFF, "The reply reached the limit."),
        (Status.COMPLETE, "58 tok/s"),
    ],
)
def test_how_a_reply_ended_is_said(view: View, status: Status, words: str) -> None:
    reply = message(1, "Text", status=status)
    if status is Status.COMPLETE:
        reply = msgspec.structs.replace(reply, stats=ReplyStats(10, 0, 59, 0.1, 1.0))
    shown = view([message(0, "Hi"), reply])
    assert band(shown).items[-1].widget.accessibleName() == words


def test_thinking_until_the_first_word(view: View) -> None:
    shown = view([message(0, "Hi"), message(1, "", status=Status.STREAMING)])
    model: MessageListModel = shown.model  # type: ignore[attr-defined]
    foot = band(shown).items[-1].widget
    assert foot.accessibleName() == "Thinking"
    dots = foot.findChild(Dots)
    assert dots is not None and dots.isVisible()
    model.append_text(MessageId(1), "Word")
    assert not dots.isVisible()
    assert foot.accessibleName() == ""
    height = foot.height()
    model.replace(message(1, "Word"))
    assert foot.height() == height


def drag(qtbot: QtBot, view: TranscriptView, start: QPoint, end: QPoint) -> None:
    port = view.area.viewport()
    qtbot.mousePress(port, Qt.MouseButton.LeftButton, pos=start)
    for step in range(1, 9):
        qtbot.mouseMove(port, start + (end - start) * step / 8)
    qtbot.mouseRelease(port, Qt.MouseButton.LeftButton, pos=end)


def point_in(view: TranscriptView, item: Item, x: int, y: int) -> QPoint:
    return QPoint(item.x + x, item.y + item.space - view.area.strip.top + y)


def test_a_drag_selects_across_blocks_and_messages(view: View, qtbot: QtBot) -> None:
    shown = view(
        [message(0, "The question"), message(1, "First paragraph.\n\n```\ncode here\n```\n\nLast paragraph.")],
        height=800,
    )
    start, end = text_item(shown, "First"), text_item(shown, "Last")
    drag(qtbot, shown, point_in(shown, start, 0, 10), point_in(shown, end, 2000, 10))
    shown.picker.copy()
    assert QGuiApplication.clipboard().text() == shown.model.message(1).content  # type: ignore[attr-defined]
    drag(qtbot, shown, point_in(shown, text_item(shown, "The question"), 0, 10), point_in(shown, end, 0, 10))
    qtbot.keyClick(shown.area, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    copied = QGuiApplication.clipboard().text()
    assert copied == "The question\n\nFirst paragraph.\n\ncode here"
    code = text_item(shown, "code here").widget
    assert code.selected == (0, len("code here"))
    qtbot.mouseClick(shown.area.viewport(), Qt.MouseButton.LeftButton, pos=point_in(shown, start, 30, 10))
    assert code.selected is None


def test_selecting_backwards_and_by_words(view: View, qtbot: QtBot) -> None:
    shown = view([message(0, "Hi"), message(1, "alpha beta gamma\n\ndelta epsilon")])
    item = text_item(shown, "alpha")
    drag(qtbot, shown, point_in(shown, item, 2000, 45), point_in(shown, item, 0, 5))
    assert shown.picker.selection.text() == "alpha beta gamma\n\ndelta epsilon"
    port, place = shown.area.viewport(), point_in(shown, item, 8, 10)
    qtbot.mousePress(port, Qt.MouseButton.LeftButton, pos=place)
    qtbot.mouseRelease(port, Qt.MouseButton.LeftButton, pos=place)
    qtbot.mouseDClick(port, Qt.MouseButton.LeftButton, pos=place)
    assert shown.picker.selection.text() == "alpha"
    qtbot.mousePress(port, Qt.MouseButton.LeftButton, pos=place)
    assert shown.picker.selection.text() == "alpha beta gamma"


def test_select_all_copies_every_message_as_it_was_written(view: View, qtbot: QtBot) -> None:
    messages = chat(80)
    shown = view(messages)
    qtbot.keyClick(shown.area, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert shown.picker.selection.text() == "\n\n".join(message.content for message in messages)


def test_positions_go_there_and_back(view: View, qapp: QApplication) -> None:
    shown = view([message(0, "Hi"), message(1, REPLY)], height=1400)
    settle(qapp)
    for item in band(shown).items:
        if item.piece.block is None:
            continue
        text = item.piece.block.plain_text
        positions = {
            item.widget.position_at(QPoint(x, y))
            for y in range(0, item.content_height, 6)
            for x in range(0, item.width, 5)
        }
        assert min(positions) >= 0 and max(positions) <= len(text)
        assert len(positions) > min(len(text), 60) * 0.4


def test_keys_and_wheel_scroll(view: View, qtbot: QtBot) -> None:
    shown = view(chat(60))
    area = shown.area
    for key in (Qt.Key.Key_PageUp, Qt.Key.Key_Up):
        top = area.strip.top
        qtbot.keyClick(area, key)
        assert area.strip.top < top
    for key in (Qt.Key.Key_Down, Qt.Key.Key_PageDown):
        top = area.strip.top
        qtbot.keyClick(area, key)
        assert area.strip.top > top
    qtbot.keyClick(area, Qt.Key.Key_Home)
    assert area.verticalScrollBar().value() == 0
    qtbot.keyClick(area, Qt.Key.Key_End)
    assert area.strip.at_end


def wheel(view: TranscriptView, item: Item, turn: QPoint) -> None:
    QTest.wheelEvent(view.windowHandle(), point_in(view, item, 60, 60), turn)


def test_the_wheel_over_code_scrolls_the_chat_and_sideways_the_code(view: View) -> None:
    shown = view(chat(30), width=420)
    area = shown.area

    def code_on_screen() -> Item | None:
        items = band(shown).visible(area.strip.top, area.strip.top + 300)
        return next((item for item in items if item.piece.kind is Kind.CODE), None)

    while (code := code_on_screen()) is None:
        area.strip.scroll_by(-200)
    top = area.strip.top
    wheel(shown, code, QPoint(0, 120))
    assert area.strip.top < top
    top = area.strip.top
    wheel(shown, code, QPoint(-120, 0))
    assert area.strip.top == top
    assert isinstance(code.widget, CodeWidget)
    assert code.widget.offset > 0


@pytest.mark.parametrize("width", [200, 360, 500, 2400])
def test_any_width_will_do(view: View, qapp: QApplication, width: int) -> None:
    shown = view(chat(6), width=width, height=500)
    settle(qapp)
    check_no_holes(shown)
    for item in band(shown).items:
        assert item.x >= 0
        assert item.x + item.width <= shown.area.viewport().width()


@pytest.mark.skipif(sys.platform == "win32", reason="no FIFOs there")
def test_nothing_that_a_message_names_is_opened(
    view: View, qtbot: QtBot, qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toString()))
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)  # opening it would hang for ever
    text = "\n\n".join(
        f"![x]({target}) <img src='{target}'> [l]({target})"
        for target in (f"file://{fifo}", str(fifo), "file:///dev/zero", "http://127.0.0.1:9/x.png", "javascript:x()")
    )
    shown = view([message(0, text), message(1, text + "\n\n[good](https://example.com/page)")])
    settle(qapp)
    shown.grab()
    port = shown.area.viewport()
    for y in range(0, port.height(), 8):
        for x in range(0, port.width(), 40):
            link = band(shown).at(y + shown.area.strip.top)
            assert link is not None
            href = link.widget.link_at(QPoint(x - link.x, y + shown.area.strip.top - link.y - link.space))
            assert href == "" or href.startswith("http")
    good = text_item(shown, "good")
    place = point_in(shown, good, 12, good.content_height - 12)
    assert not opened
    qtbot.mouseClick(port, Qt.MouseButton.LeftButton, pos=place)
    assert opened == ["https://example.com/page"]


def test_the_tool_tip_of_a_link_is_never_rich_text(theme: ThemeManager, qtbot: QtBot) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    widget = TextWidget(parent)
    link = Span("link", href="http://a.example/<img src='file:///dev/zero'>")
    widget.show_piece(Piece(Kind.TEXT, (0, 0), TextBlock((Paragraph((link,)),))), 300, Look(theme))
    parent.show()
    none = Qt.MouseButton.NoButton
    place = QPointF(8, 10)
    moved = QMouseEvent(QMouseEvent.Type.MouseMove, place, place, none, none, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(widget, moved)
    assert widget.toolTip().startswith("http://a.example/")
    assert "<" not in widget.toolTip()


@pytest.mark.parametrize(
    "text",
    [
        "x" * 400_000,
        "word " * 200_000,
        "*a" * 50_000,
        "`" * 100_000,
        "> " * 2_000 + "deep",
        "```\n" + "x" * 400_000,
        "```python\n" + "x = 1\n" * 20_000,
        "| a " * 50 + "|\n" + "|---" * 50 + "|\n" + ("| 1 " * 50 + "|\n") * 1000,
        "- " * 5_000,
        "\n".join(f"{'  ' * depth}- item" for depth in range(300)),
        "\u202e\u200f" * 5_000 + "🦙" * 20_000,
    ],
    ids=lambda text: text[:6],
)
def test_hostile_texts_are_shown(view: View, qapp: QApplication, text: str) -> None:
    shown = view([message(0, text), message(1, text)])
    for value in (0, 1000, shown.area.verticalScrollBar().maximum() // 2, 1 << 30):
        shown.area.strip.jump_to(value)
        settle(qapp)
        shown.grab()
        check_no_holes(shown)


def test_a_chat_that_is_left_leaves_nothing_behind(view: View, qapp: QApplication) -> None:
    shown = view(chat(60))
    model: MessageListModel = shown.model  # type: ignore[attr-defined]

    def widgets() -> int:
        settle(qapp)
        gc.collect()
        return len(shown.findChildren(QWidget))

    counts = []
    for _ in range(4):
        for value in range(0, shown.area.verticalScrollBar().maximum(), 9000):
            shown.area.strip.jump_to(value)
            settle(qapp)
        model.show(chat(60, (REPLY, "Short.")))
        model.show([])
        assert not band(shown).items
        model.show(chat(60))
        counts.append(widgets())
    assert counts[-1] <= counts[1]


def test_tab_goes_through_the_buttons_in_order_and_out(theme: ThemeManager, qtbot: QtBot, qapp: QApplication) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    model = MessageListModel()
    before, view, after = QPushButton("before"), TranscriptView(model, theme), QPushButton("after")
    layout = QVBoxLayout(window)
    for widget in (before, view, after):
        layout.addWidget(widget)
    window.resize(800, 700)
    window.show()
    window.activateWindow()
    qtbot.waitActive(window)
    model.show(chat(2))
    view.area.strip.jump_to(0)
    settle(qapp)
    before.setFocus()
    names, places = [], []
    for _ in range(7):
        focus = QApplication.focusWidget()
        assert focus is not None
        qtbot.keyClick(focus, Qt.Key.Key_Tab)
        focus = QApplication.focusWidget()
        assert focus is not None
        names.append(focus.accessibleName() or focus.objectName())
        places.append(focus.mapToGlobal(QPoint(0, 0)).y() + (view.area.strip.top if view.isAncestorOf(focus) else 0))
    assert names == ["Messages", "Copy", "Pin message", "Copy code", "Copy", "Pin message", ""]
    assert QApplication.focusWidget() is after
    assert places[1:6] == sorted(places[1:6])
    view.area.setFocus()
    qtbot.keyClick(view.area, Qt.Key.Key_Backtab)
    assert QApplication.focusWidget() is before
