"""The list of chats: one row each, date headings painted above the first of a group, renaming in place."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetrics, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolTip,
    QWidget,
)

from llamadesk.core.chat import Conversation, ConversationId
from llamadesk.state.conversations import ConversationListModel
from llamadesk.ui.theme import ThemeManager
from llamadesk.ui.widgets import plain_tip

_Index = QModelIndex | QPersistentModelIndex


class _ChatDelegate(QStyledItemDelegate):
    """Paints a chat's title, in a search the text around the match, and above a group's first row its heading."""

    def __init__(self, theme: ThemeManager, parent: QListView) -> None:
        super().__init__(parent)
        self._theme = theme
        self._dress()
        theme.changed.connect(self._dress)

    def _dress(self) -> None:
        theme = self._theme
        self._font, self._heading_font, self._snippet_font = (theme.font(r) for r in ("ui", "caption", "small"))
        self._row = max(theme.px(34), QFontMetrics(self._font).height() + theme.px(14))
        self._heading = theme.px(36)
        self._snippet = QFontMetrics(self._snippet_font).height() + theme.px(4)

    @staticmethod
    def heading(index: _Index) -> str:
        """What is written above this row, or ""."""
        group = str(index.data(ConversationListModel.GroupRole) or "")
        if not group or index.row() == 0:
            return group
        above = index.model().index(index.row() - 1, 0).data(ConversationListModel.GroupRole)
        return "" if above == group else group

    def row_rect(self, rect: QRect, index: _Index) -> QRect:
        """The part of an item's rectangle that is the chat itself."""
        return rect.adjusted(0, self._heading if self.heading(index) else 0, 0, -1)

    def sizeHint(self, _option: QStyleOptionViewItem, index: _Index) -> QSize:
        """Rows differ: some carry a heading, some a snippet."""
        height = self._row + 1
        if index.data(ConversationListModel.SnippetRole):
            height += self._snippet
        if self.heading(index):
            height += self._heading
        return QSize(0, height)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _Index) -> None:
        """See the class."""
        rect: QRect = option.rect
        state: QStyle.StateFlag = option.state
        colours, px = self._theme.colours, self._theme.px
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pad = px(12)
        heading = self.heading(index)
        if heading:
            at = QRect(rect.left() + pad, rect.top(), rect.width() - 2 * pad, self._heading - px(6))
            self._write(painter, at, heading, self._heading_font, colours.text_faint, Qt.AlignmentFlag.AlignBottom)
        row = self.row_rect(rect, index)
        selected = bool(state & QStyle.StateFlag.State_Selected)
        if selected or state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(colours.selected if selected else colours.hover))
            painter.drawRoundedRect(row, px(8), px(8))
        if state & QStyle.StateFlag.State_HasFocus and state & QStyle.StateFlag.State_KeyboardFocusChange:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(colours.focus), 2))
            painter.drawRoundedRect(row.adjusted(1, 1, -1, -1), px(8), px(8))
        text = row.adjusted(pad, 0, -pad, 0)
        snippet = str(index.data(ConversationListModel.SnippetRole) or "")
        if snippet:
            title = QRect(text.left(), text.top() + px(4), text.width(), self._row - px(8))
            below = QRect(text.left(), title.bottom() - px(2), text.width(), self._snippet)
            self._write(painter, below, " ".join(snippet.split()), self._snippet_font, colours.text_muted)
            text = title
        self._write(painter, text, str(index.data() or ""), self._font, colours.text)
        painter.restore()

    def helpEvent(
        self, event: QHelpEvent, view: QAbstractItemView, _option: QStyleOptionViewItem, index: _Index
    ) -> bool:
        """Show the whole title; as plain text, whatever it looks like."""
        if event.type() is not QEvent.Type.ToolTip:
            return False
        QToolTip.showText(event.globalPos(), plain_tip(str(index.data() or "")), view)
        return True

    @staticmethod
    def _write(
        painter: QPainter,
        rect: QRect,
        text: str,
        font: QFont,
        colour: str,
        vertical: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignVCenter,
    ) -> None:
        painter.setFont(font)
        painter.setPen(QColor(colour))
        cut = QFontMetrics(font).elidedText(text, Qt.TextElideMode.ElideRight, rect.width())
        painter.drawText(rect, vertical | Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextSingleLine, cut)


class ChatList(QListView):
    """The list "Conversations". Selecting a chat asks for it by `chosen`; renaming in place (F2) ends in `renamed`."""

    chosen = Signal(object)
    """ConversationId of the chat the person wants to see."""
    renamed = Signal(object, str)
    """ConversationId, its new title as typed."""

    def __init__(self, model: ConversationListModel, theme: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._chats = model
        self._editor: QLineEdit | None = None
        self._delegate = _ChatDelegate(theme, self)
        self.setAccessibleName("Conversations")
        self.setObjectName("chats")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setItemDelegate(self._delegate)
        self.setMouseTracking(True)
        self.setUniformItemSizes(False)
        self.setLayoutMode(QListView.LayoutMode.Batched)  # thousands of chats do not hold up the first frame
        self.setBatchSize(200)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.setModel(model)
        self.selectionModel().selectionChanged.connect(self._on_selection_changed)
        model.current_changed.connect(self.show_current)
        model.modelReset.connect(self.show_current)
        model.rowsInserted.connect(self.show_current)
        model.dataChanged.connect(self.scheduleDelayedItemsLayout)
        theme.changed.connect(self.scheduleDelayedItemsLayout)
        self.verticalScrollBar().valueChanged.connect(self._end_renaming)
        self.show_current()

    def show_current(self) -> None:
        """Select the chat that is on screen, where it is listed."""
        row = self._chats.row_of(self._chats.current)
        if row is None:
            self.selectionModel().clear()
        elif [index.row() for index in self.selectionModel().selectedIndexes()] != [row]:
            self.setCurrentIndex(self._chats.index(row))

    def chat_at(self, position: QPoint) -> Conversation | None:
        """The chat at a point of the viewport; a heading is none."""
        index = self.indexAt(position)
        if index.isValid() and self._delegate.row_rect(self.visualRect(index), index).contains(position):
            return self._chats.conversation(index.row())
        return None

    def selected(self) -> Conversation | None:
        """The chat that is selected."""
        indexes = self.selectionModel().selectedIndexes()
        return self._chats.conversation(indexes[0].row()) if indexes else None

    def rename(self, conversation_id: ConversationId) -> None:
        """Let the person type another title over the old one."""
        row = self._chats.row_of(conversation_id)
        if row is None:
            return
        self._end_renaming()
        index = self._chats.index(row)
        self.scrollTo(index)
        conversation = self._chats.conversation(row)
        editor = QLineEdit(conversation.title, self.viewport())
        editor.setAccessibleName("Title of the chat")
        editor.setGeometry(self._delegate.row_rect(self.visualRect(index), index))
        editor.editingFinished.connect(lambda: self._take_title(editor, conversation))
        editor.installEventFilter(self)
        editor.selectAll()
        editor.show()
        editor.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self._editor = editor

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A heading is no chat: a press on it chooses nothing. Nor does the right button: it opens a menu."""
        if event.button() is Qt.MouseButton.LeftButton and self.chat_at(event.position().toPoint()) is not None:
            super().mousePressEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """F2 renames. Letters do not jump about: Ctrl+K searches."""
        chat = self.selected()
        if event.key() == Qt.Key.Key_F2 and chat is not None:
            self.rename(chat.id)
        elif event.text().strip() and not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            event.ignore()
        else:
            super().keyPressEvent(event)

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        """Escape ends the renaming and nothing else."""
        if watched is self._editor and isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape:
            if event.type() is QEvent.Type.ShortcutOverride:
                event.accept()
            elif event.type() is QEvent.Type.KeyPress:
                self._end_renaming()
            return True
        return False

    def _take_title(self, editor: QLineEdit, conversation: Conversation) -> None:
        if editor is not self._editor:
            return  # it was given up with Escape
        title = editor.text()
        self._end_renaming()
        if title.strip() and title != conversation.title:
            self.renamed.emit(conversation.id, title)

    def _end_renaming(self) -> None:
        editor, self._editor = self._editor, None
        if editor is not None:
            had_focus = editor.hasFocus()
            editor.hide()
            editor.deleteLater()
            if had_focus:
                self.setFocus()

    def _on_selection_changed(self) -> None:
        chat = self.selected()
        if chat is not None and chat.id != self._chats.current:
            self.chosen.emit(chat.id)
