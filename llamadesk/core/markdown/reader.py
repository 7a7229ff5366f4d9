"""Reads Markdown a line at a time into elements, by CommonMark's own method: each line first passes through the
containers that are open (block quotes, list items), may then start new ones, and what is left of it belongs to a leaf.

Nothing is ever read twice and no line needs the one after it, so a reply can be read while it is written, in the same
time and with the same result as all at once. Where CommonMark would take long, drop text or look ahead, this differs:
- No link reference definitions, no HTML: such text is shown as it is written.
- At most MAX_DEPTH containers; the markers of deeper ones are text.
- Paragraphs end after LINE_LENGTH characters, tables go on in another one, cells that are too many are kept.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Final

from llamadesk.core.markdown import lines as rules
from llamadesk.core.markdown.blocks import Paragraph, RuleBlock
from llamadesk.core.markdown.inline import spans
from llamadesk.core.markdown.leaves import CodeLeaf, Element, IndentedLeaf, Leaf, Place, TableLeaf, TextLeaf
from llamadesk.core.markdown.lines import Cursor, ListMarker

MAX_DEPTH: Final = 12
"""Block quotes and lists inside each other, all in all."""

_BULLETS: Final = "•◦▪"
_CONTAINER_STARTS: Final = frozenset(">-+*0123456789")
_NO_PLACE: Final = Place(0, 0)


@dataclass(frozen=True, slots=True)
class _Quote:
    """An open block quote; `place` is that of leaves in it."""

    place: Place

    def takes(self, line: Cursor) -> bool:
        """Whether the line goes on with it; its mark is then taken off the line."""
        indent = line.indent()
        if indent > 3 or line.text.lstrip(" \t")[:1] != ">":
            return False
        line.drop_indent(indent)
        line.drop(1)
        line.drop_indent(1)
        return True


@dataclass(frozen=True, slots=True)
class _Item:
    """An open list item.

    Attributes:
        kind: as in ListMarker.
        number: None for bullets.
        offset: columns that its lines are indented by.
        place: that of leaves in it.
    """

    place: Place
    kind: str
    number: int | None
    offset: int

    def takes(self, line: Cursor) -> bool:
        """As for _Quote."""
        if line.is_blank:
            line.drop_indent(self.offset)
        elif line.indent() < self.offset:
            return False
        else:
            line.drop_indent(self.offset)
        return True


class BlockReader:
    """Takes lines; `take_elements` gives what is whole."""

    def __init__(self) -> None:
        self._containers: list[_Quote | _Item] = []
        self._leaf: Leaf | None = None
        # A list item that has nothing in it so far, as the paragraph that it is if nothing comes.
        self._bare_item: Paragraph | None = None
        self._elements: list[Element] = []

    def copied(self) -> BlockReader:
        """A reader that goes on from here on its own, with nothing to take."""
        other = copy.copy(self)
        other._containers = self._containers.copy()
        other._leaf = self._leaf.copied() if self._leaf else None
        other._elements = []
        return other

    @property
    def leaf(self) -> Leaf | None:
        """What a next line might belong to."""
        return self._leaf

    def take_elements(self) -> list[Element]:
        """The elements that were finished since the last call."""
        elements, self._elements = self._elements, []
        return elements

    def finish(self, is_open: bool = False) -> None:
        """No more lines. `is_open`: more may come, but the elements are wanted as they stand."""
        if self._leaf:
            self._elements += self._leaf.elements(is_open)
            self._leaf = None
        self._close_containers(0)

    def feed(self, text: str) -> None:
        """One line without its line break; or the beginning of a line that is too long, whose rest `go_on` takes."""
        if isinstance(self._leaf, TextLeaf) and self._leaf.level:
            self._close_leaf()
        if not self._containers and (self._leaf is None or isinstance(self._leaf, TextLeaf)) and self._add_prose(text):
            return
        line = Cursor(text)
        depth = self._matching_containers(line)
        if depth == len(self._containers) and self._add_to_code(line):
            return
        started = False
        while depth < MAX_DEPTH and self._start_container(line, depth):
            started = True
            depth = len(self._containers)
        leaf = self._leaf
        if line.is_blank:
            self._close_containers(depth)
            self._close_leaf()
        elif depth == len(self._containers):
            self._add_to_leaf(line)
        elif isinstance(leaf, TextLeaf) and not started and not self._starts_leaf(line):
            self._add_text(leaf, line.text.lstrip(" \t"))  # a lazy continuation
        else:
            self._close_containers(depth)
            self._add_to_leaf(line)

    def go_on(self, text: str) -> None:
        """More of the line that was fed last."""
        leaf = self._leaf
        if isinstance(leaf, CodeLeaf | IndentedLeaf):
            leaf.go_on(text)
            return
        if isinstance(leaf, TextLeaf):
            leaf.is_cut = True
            self._close_leaf()
            self._leaf = TextLeaf(leaf.place, [text], level=leaf.level, continues=True)
        else:
            self._close_leaf()
            if text.strip():
                self._leaf = self._text_leaf(text)

    # --- Containers -------------------------------------------------------------------------------------------------

    def _matching_containers(self, line: Cursor) -> int:
        """How many of the open containers the line goes on with."""
        for depth, container in enumerate(self._containers):
            is_last = depth == len(self._containers) - 1
            if is_last and self._bare_item and line.is_blank:
                return depth  # an item may begin with one blank line, not with two
            if not container.takes(line):
                return depth
        return len(self._containers)

    def _close_containers(self, depth: int) -> None:
        """Close all containers but the first `depth`, and what lies in them."""
        if depth == len(self._containers):
            return
        self._close_leaf()
        self._close_bare_item()
        del self._containers[depth:]

    def _start_container(self, line: Cursor, depth: int) -> bool:
        """Start a block quote or a list item inside the first `depth` containers, if that is how the line begins."""
        text = line.text.lstrip(" \t")
        if text[:1] not in _CONTAINER_STARTS or (indent := line.indent()) > 3:
            return False
        if text[0] == ">":
            self._close_containers(depth)
            self._close_leaf()
            self._close_bare_item()
            indent, quotes = self._place()
            quote = _Quote(Place(indent, quotes + 1))
            quote.takes(line)
            self._containers.append(quote)
            return True
        marker = rules.list_marker(text)
        if not marker or rules.is_rule(text) or not self._may_start_item(marker, text, depth):
            return False
        before = self._containers[depth] if depth < len(self._containers) else None
        self._close_containers(depth)
        self._close_leaf()
        self._close_bare_item()
        self._start_item(line, marker, indent, before)
        return True

    def _may_start_item(self, marker: ListMarker, text: str, depth: int) -> bool:
        """Text that merely looks like a list marker does not end the paragraph that it is in the middle of."""
        if depth < len(self._containers) or not isinstance(self._leaf, TextLeaf):
            return True
        return not marker.is_empty and marker.number in (None, 1) and not rules.underline(text)

    def _start_item(self, line: Cursor, marker: ListMarker, indent: int, before: _Quote | _Item | None) -> None:
        number = marker.number
        if (
            number is not None
            and isinstance(before, _Item)
            and before.kind == marker.kind
            and before.number is not None
        ):
            number = before.number + 1
        line.drop_indent(indent)
        line.drop(marker.width)
        space = 1 if marker.is_empty or line.indent() > 4 else line.indent()
        line.drop_indent(space)
        outer = self._place()
        place = Place(outer.indent + 1, outer.quote)
        self._containers.append(_Item(place, marker.kind, number, indent + marker.width + space))
        shown = _BULLETS[(place.indent - 1) % len(_BULLETS)] if number is None else f"{number}{marker.kind}"
        self._bare_item = Paragraph((), indent=place.indent, marker=shown, quote=place.quote)

    def _place(self) -> Place:
        return self._containers[-1].place if self._containers else _NO_PLACE

    def _close_bare_item(self) -> None:
        if self._bare_item:
            self._elements.append(self._bare_item)
            self._bare_item = None

    # --- Leaves -----------------------------------------------------------------------------------------------------

    def _close_leaf(self) -> None:
        if self._leaf:
            self._elements += self._leaf.elements()
            self._leaf = None

    def _add_to_code(self, line: Cursor) -> bool:
        """Add the line to the code it lies in, if it does."""
        leaf = self._leaf
        if isinstance(leaf, CodeLeaf):
            if leaf.ends_with(line):
                self._close_leaf()
            else:
                leaf.add(line)
            return True
        if isinstance(leaf, IndentedLeaf) and (line.is_blank or line.indent() > 3):
            leaf.add(line)
            return True
        return False

    def _starts_leaf(self, line: Cursor) -> bool:
        """Whether the line ends a paragraph of which it would else be a lazy continuation."""
        if line.indent() > 3:
            return False
        text = line.text.lstrip(" \t")
        return bool(rules.heading(text) or rules.fence(text)) or rules.is_rule(text)

    def _add_to_leaf(self, line: Cursor) -> None:
        """The line belongs to the innermost container: to its open leaf, or to a new one."""
        leaf = self._leaf
        text = line.text.lstrip(" \t")
        indent = line.indent()
        if indent > 3:
            if isinstance(leaf, TextLeaf):
                self._add_text(leaf, text)
            elif isinstance(leaf, TableLeaf):
                self._add_row(leaf, text)
            else:
                self._start_leaf(IndentedLeaf(self._place())).add(line)
            return
        level = rules.underline(text) if isinstance(leaf, TextLeaf) else 0
        if level and isinstance(leaf, TextLeaf):
            leaf.level = level
            self._close_leaf()
        elif title := rules.heading(text):
            self._close_leaf()
            self._leaf = self._text_leaf(title.text, title.level)
        elif fence := rules.fence(text):
            self._start_leaf(CodeLeaf(self._place(), fence, indent))
        elif rules.is_rule(text):
            self._close_leaf()
            self._close_bare_item()
            self._elements.append(RuleBlock())
        elif isinstance(leaf, TableLeaf):
            self._add_row(leaf, text)
        elif isinstance(leaf, TextLeaf):
            if not self._start_table(leaf, text):
                self._add_text(leaf, text)
        else:
            self._close_leaf()
            self._leaf = self._text_leaf(text)

    def _text_leaf(self, text: str, level: int = 0) -> TextLeaf:
        """A new paragraph or heading, which takes the marker of the list item it begins."""
        marker = self._bare_item.marker if self._bare_item else ""
        self._bare_item = None
        return TextLeaf(self._place(), [text], marker, level)

    def _start_leaf(self, leaf: CodeLeaf | IndentedLeaf) -> CodeLeaf | IndentedLeaf:
        self._close_leaf()
        self._close_bare_item()
        self._leaf = leaf
        return leaf

    def _add_text(self, leaf: TextLeaf, text: str) -> None:
        if leaf.is_full:
            self._close_leaf()
            self._leaf = TextLeaf(leaf.place, [text], continues=True, joint="\n")
        else:
            leaf.add(text)

    def _add_prose(self, text: str) -> bool:
        """The short way for what most lines are: outside of containers and code, and nothing that starts something."""
        if not text:
            self._close_leaf()
            return True
        if not text[0].isalpha():
            return False
        if isinstance(self._leaf, TextLeaf):
            self._add_text(self._leaf, text)
        else:
            self._leaf = TextLeaf(_NO_PLACE, [text])
        return True

    def _start_table(self, leaf: TextLeaf, text: str) -> bool:
        """Make a table of the paragraph's last line, if `text` is what comes below a table's header."""
        alignments = rules.alignments(text)
        header = rules.cells(leaf.lines[-1]) if alignments else []
        if alignments is None or len(header) != len(alignments):
            return False
        if len(leaf.lines) > 1:
            self._elements += replace(leaf, lines=leaf.lines[:-1]).elements()
        elif leaf.marker:
            indent, quote = leaf.place
            self._elements.append(Paragraph((), indent=indent, marker=leaf.marker, quote=quote))
        self._leaf = TableLeaf(leaf.place, alignments, tuple(spans(cell) for cell in header))
        return True

    def _add_row(self, leaf: TableLeaf, text: str) -> None:
        if leaf.is_full:
            self._close_leaf()
            leaf = leaf.rest()
            self._leaf = leaf
        leaf.add(text)
