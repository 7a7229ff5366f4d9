"""What is realised: consecutive pieces that have a widget, each at its exact height, without holes between them."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from itertools import groupby

from PySide6.QtWidgets import QWidget

from llamadesk.ui.transcript.blocks.base import Act, ActingWidget
from llamadesk.ui.transcript.blocks.chrome import FootWidget
from llamadesk.ui.transcript.documents import Documents
from llamadesk.ui.transcript.fitting import Fitter, Item
from llamadesk.ui.transcript.group import MessageGroup
from llamadesk.ui.transcript.look import Column, Look
from llamadesk.ui.transcript.pieces import Kind, Piece
from llamadesk.ui.transcript.pool import Pool

ORIGIN = 4_000_000
"""Where y = 0 of a band lies on the canvas, so that it can grow both ways."""


class Band:
    """Realised pieces from `items[0]` to `items[-1]`, in the order of the chat."""

    def __init__(
        self, canvas: QWidget, documents: Documents, pool: Pool, act: Callable[[int, Kind, Act], None]
    ) -> None:
        """`act(row, kind of the piece, what is asked for)` is called when a button of a message is pressed."""
        self.items: list[Item] = []
        self._canvas = canvas
        self._documents = documents
        self._pool = pool
        self._act = act
        self._groups: dict[int, MessageGroup] = {}
        self._placed: dict[QWidget, tuple[int, int, int, int]] = {}  # asking Qt where each is would cost more
        self._fitter = Fitter(documents)
        self.groups_made = 0
        self.created: Callable[[Item], None] = lambda _item: None

    # --- where it begins and ends ------------------------------------------------------------------

    @property
    def top(self) -> int:
        """The upper end."""
        return self.items[0].y if self.items else 0

    @property
    def bottom(self) -> int:
        """The lower end."""
        return self.items[-1].bottom if self.items else 0

    @property
    def at_start(self) -> bool:
        """Whether it has the first piece of the chat."""
        return bool(self.items) and self.items[0].row == 0 and self.items[0].piece.index == 0

    @property
    def at_end(self) -> bool:
        """Whether it has the last piece of the chat."""
        return (
            bool(self.items)
            and self.items[-1].row == len(self._documents) - 1
            and self.items[-1].piece.kind is Kind.FOOT
        )

    def rows(self) -> set[int]:
        """The rows that have a realised piece."""
        return set(self._groups)

    def at(self, y: int) -> Item | None:
        """The item at a height; the first or last one beyond the ends."""
        for item in self.items:
            if y < item.bottom:
                return item
        return self.items[-1] if self.items else None

    # --- growing and shrinking ---------------------------------------------------------------------

    def set_look(self, look: Look, column: Column) -> None:
        """Another theme, text size or width. Items are measured again by `refit`."""
        self._fitter.set_look(look, column)

    def begin(self, row: int, piece: Piece, y: int) -> Item:
        """Start anew with one piece at `y`."""
        self.clear()
        piece = self._documents.shown(row, piece)
        item = self._realise(row, piece)
        item.y = y
        self.items.append(item)
        self._documents.measured(row)
        return item

    def extend_down(self, to: int, limit: int = 1 << 30) -> bool:
        """Realise pieces below until `to` is covered, at most `limit` of them; returns whether any was."""
        count = 0
        while self.items and self.bottom < to and count < limit:
            last = self.items[-1]
            following = self._documents.neighbour(last.row, last.piece, 1)
            if following is None:
                break
            item = self._realise(*following)
            item.y = last.bottom
            self.items.append(item)
            self._documents.measured(item.row)
            count += 1
        return count > 0

    def extend_up(self, to: int, limit: int = 1 << 30) -> bool:
        """Realise pieces above until `to` is covered, at most `limit` of them; returns whether any was."""
        count = 0
        while self.items and self.top > to and count < limit:
            first = self.items[0]
            before = self._documents.neighbour(first.row, first.piece, -1)
            if before is None:
                break
            item = self._realise(*before, above=True)
            item.y = first.y - (item.piece.height or 0)
            self.items.insert(0, item)
            self._documents.measured(item.row)
            count += 1
        return count > 0

    def trim(self, top: int, bottom: int) -> None:
        """Give back what lies wholly outside `top` to `bottom`."""
        if not self.items or (self.items[0].bottom > top and self.items[-1].y < bottom):
            return
        keep = [item for item in self.items if item.bottom > top and item.y < bottom]
        if keep and len(keep) < len(self.items):
            kept = set(keep)
            self._release([item for item in self.items if item not in kept])
            self.items = keep
            self._drop_empty_groups()

    def clear(self) -> None:
        """Give back everything."""
        self._release(self.items)
        self.items = []
        self._drop_empty_groups()

    def _release(self, items: list[Item]) -> None:
        for item in items:
            if isinstance(item.widget, ActingWidget):
                item.widget.asked.disconnect()
            self._placed.pop(item.widget, None)
            self._pool.give_block(item.piece.kind, item.widget)

    def _drop_empty_groups(self) -> None:
        used = {item.row for item in self.items}
        for row in [row for row in self._groups if row not in used]:
            group = self._groups.pop(row)
            self._placed.pop(group, None)
            self._pool.give_group(group)

    # --- changes -----------------------------------------------------------------------------------

    def refit(self, pin: Item | None) -> None:
        """Measure every item again; `pin` stays where it is."""
        for item in self.items:
            item.widget.look = None  # whatever it kept was of another width or theme
            self._fitter.fit(item)
        for row in self._groups:
            self._documents.measured(row)
        self.restack(pin)

    def changed(self, row: int, pieces: tuple[Piece, ...], *, structure: bool, pin: Item | None) -> None:
        """Pieces of a message, or the list of them, are something else now; `pin` stays where it is."""
        if row not in self._groups:
            return
        if structure:
            self._rebuild(row)
        touched = set(pieces)
        for item in self.items:
            if item.row == row and item.piece in touched:
                self._fitter.fit(item)
        self._documents.measured(row)
        self.restack(pin)

    def _rebuild(self, row: int) -> None:
        """Make the items of a row those of its document again, between the first and the last that are still in it."""
        first = next(i for i, item in enumerate(self.items) if item.row == row)
        end = next((i for i in range(first, len(self.items)) if self.items[i].row != row), len(self.items))
        old = {item.piece: item for item in self.items[first:end]}
        wanted = self._wanted(row, old, from_top=first > 0, to_foot=end < len(self.items))
        y = self.items[first].y
        self._release([item for piece, item in old.items() if piece not in wanted])
        new: list[Item] = []
        for piece in wanted:
            new.append(old[piece] if piece in old else self._realise(row, piece))
        new[0].y = y
        self.items[first:end] = new
        for item in new:
            item.widget.raise_()

    def _wanted(self, row: int, old: Container[Piece], *, from_top: bool, to_foot: bool) -> list[Piece]:
        """The pieces of a row that take the place of the `old` ones, without a hole.

        Args:
            row: the message.
            old: those that were realised.
            from_top, to_foot: whether items of the message before, or after, are realised as well.
        """
        document = self._documents.get(row)
        while True:
            pieces = document.pieces
            surviving = [piece.index for piece in pieces if piece in old] or [len(pieces) - 1]
            wanted = pieces[0 if from_top else surviving[0] : None if to_foot else surviving[-1] + 1]
            source = next((piece for piece in wanted if piece.kind is Kind.SOURCE), None)
            if source is None:
                return wanted
            document.expand(source)

    def restack(self, pin: Item | None) -> None:
        """Put every item against the one beside it, outwards from `pin`."""
        if not self.items:
            return
        at = self.items.index(pin) if pin is not None and pin in self.items else 0
        for index in range(at + 1, len(self.items)):
            self.items[index].y = self.items[index - 1].bottom
        for index in range(at - 1, -1, -1):
            self.items[index].y = self.items[index + 1].y - (self.items[index].piece.height or 0)

    def move(self, distance: int) -> None:
        """Shift the whole band on the canvas."""
        for item in self.items:
            item.y += distance

    def _realise(self, row: int, piece: Piece, *, above: bool = False) -> Item:
        group = self._groups.get(row)
        document = self._documents.get(row)
        if group is None:
            group = self._groups[row] = self._pool.group(self._canvas)
            group.setAccessibleName(document.speaker)
            self.groups_made += 1
            group.hovered.connect(lambda hovered, row=row: self._hover(row, hovered))
            if above:
                group.lower()
        widget = self._pool.block(piece.kind, group)
        if above:
            widget.lower()
        item = Item(row, piece, widget)
        if isinstance(widget, ActingWidget):
            widget.asked.connect(lambda act, row=row, kind=piece.kind: self._act(row, kind, act))
        self._fitter.fit(item)
        self.created(item)
        return item

    def raise_groups(self) -> None:
        """Make these messages the last ones, in order: screen readers read in the order of stacking."""
        for row in sorted(self._groups):
            self._groups[row].raise_()

    def _hover(self, row: int, hovered: bool) -> None:
        for item in self.items:
            if item.row == row and isinstance(item.widget, FootWidget):
                item.widget.set_hovered(hovered)

    # --- placing -----------------------------------------------------------------------------------

    def place(self) -> None:
        """Put every widget where its item is. Call it after the canvas was moved: Qt does not blit what is dirty."""
        for row, found in groupby(self.items, key=lambda item: item.row):
            items = list(found)
            group = self._groups[row]
            top, bottom = items[0].y, items[-1].bottom
            self._put(group, 0, ORIGIN + top, self._canvas.width(), bottom - top)
            for item in items:
                self._put(item.widget, item.x, item.y + item.space - top, item.width, item.content_height)
                item.widget.repaint_dirty()
            group.set_bubble(self._fitter.bubble(items, top), self._fitter.look)

    def _put(self, widget: QWidget, x: int, y: int, width: int, height: int) -> None:
        place = (x, y, width, height)
        before = self._placed.get(widget)
        if before != place:
            self._placed[widget] = place
            widget.setGeometry(*place)
        if before is None:
            widget.show()

    def visible(self, top: int, bottom: int) -> Iterator[Item]:
        """The items that touch a range."""
        return (item for item in self.items if item.bottom > top and item.y < bottom)
