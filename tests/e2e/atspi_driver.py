"""Reads and works a window from outside, as a screen reader does, through AT-SPI.

Run by the *system's* Python, which alone has the bindings; driven by JSON lines: a request {"do": ..., ...} on standard
input, an answer {"result": ...} or {"error": ...} on standard output. `window.py` is the other end.

A node is named by its role (AT-SPI's words: "push button", "text", "slider", ...) and its accessible name.
"""

import json
import sys
import time

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, GLib  # noqa: E402

POLL_SECONDS = 0.05
CALL_TIMEOUT_MS = 5000


class NotThereError(Exception):
    """No such node in the window, or not yet."""


def children(node):
    """The nodes below, without those that vanish while they are asked for."""
    for i in range(node.get_child_count()):
        child = node.get_child_at_index(i)
        if child is not None:
            yield child


def walk(node):
    """`node` and all below it, in order."""
    yield node
    for child in children(node):
        yield from walk(child)


def state(node, wanted):
    return node.get_state_set().contains(wanted)


def showing(node):
    return state(node, Atspi.StateType.SHOWING)


class Driver:
    """One application, found by its process id."""

    def __init__(self):
        self.pid = 0

    def app(self):
        desktop = Atspi.get_desktop(0)
        desktop.clear_cache()
        for app in children(desktop):
            if app.get_process_id() == self.pid:
                app.clear_cache()
                return app
        raise NotThereError(f"no window of process {self.pid}")

    def find(self, role, name):
        for node in walk(self.app()):
            if node.get_role_name() == role and node.get_name() == name and showing(node):
                return node
        raise NotThereError(f"no {role} {name!r}")

    # --- What can be asked for; each is tried again until it works or the time is up ---

    def do_window(self):
        """The window's title."""
        for window in children(self.app()):
            if showing(window):
                return window.get_name()
        raise NotThereError("no window on the screen")

    def do_has(self, role, name):
        self.find(role, name)
        return True

    def do_press(self, role, name):
        node = self.find(role, name)
        if not state(node, Atspi.StateType.ENABLED):
            raise NotThereError(f"{role} {name!r} cannot be pressed now")
        action = node.get_action_iface()
        for i in range(action.get_n_actions()):
            if action.get_action_name(i) in ("Press", "Toggle"):
                action.do_action(i)
                return True
        raise NotThereError(f"{role} {name!r} has no press")

    def do_select(self, role, name, item):
        """Choose the first item of a list whose name begins with `item`."""
        chosen = self.find(role, name)
        for i, child in enumerate(children(chosen)):
            if child.get_name().startswith(item):
                chosen.get_selection_iface().select_child(i)
                return True
        raise NotThereError(f"no {item!r} in {role} {name!r}")

    def do_items(self, role, name):
        return [child.get_name() for child in children(self.find(role, name))]

    def do_set_text(self, role, name, text):
        return self.find(role, name).get_editable_text_iface().set_text_contents(text)

    def do_text(self, role, name):
        """The node's own text; of one that has none, its name."""
        node = self.find(role, name)
        text = node.get_text_iface()
        return text.get_text(0, text.get_character_count()) if text else node.get_name()

    def do_description(self, role, name):
        return self.find(role, name).get_description()

    def do_texts_below(self, name):
        """Name and text of everything below the node called `name`, whatever its role; nothing where it is hidden."""
        node = next((node for node in walk(self.app()) if node.get_name() == name), None)
        if node is None:
            raise NotThereError(f"nothing called {name!r}")
        found = []
        if not showing(node):
            return found
        for below in walk(node):
            text = below.get_text_iface()
            words = text.get_text(0, text.get_character_count()) if text else ""
            found += [part for part in (below.get_name(), words) if part]
        return found

    def do_value(self, role, name):
        value = self.find(role, name).get_value_iface()
        return [value.get_current_value(), value.get_minimum_value(), value.get_maximum_value()]

    def do_set_value(self, role, name, value):
        return self.find(role, name).get_value_iface().set_current_value(value)

    def do_enabled(self, role, name):
        return state(self.find(role, name), Atspi.StateType.ENABLED)

    def do_tree(self):
        """Everything there is, for the message of a test that failed."""
        lines = []

        def add(node, depth):
            text = node.get_text_iface()
            words = text.get_text(0, min(200, text.get_character_count())) if text else ""
            hidden = "" if showing(node) else " (hidden)"
            lines.append(f"{'  ' * depth}{node.get_role_name()} {node.get_name()!r} {words!r}{hidden}")
            for child in children(node):
                add(child, depth + 1)

        add(self.app(), 0)
        return "\n".join(lines)

    def answer(self, request):
        do = getattr(self, "do_" + request.pop("do"))
        deadline = time.monotonic() + request.pop("seconds")
        while True:
            try:
                return do(**request)
            except (NotThereError, GLib.Error, AttributeError) as error:
                # AttributeError: an interface is missing because the node has just vanished.
                if time.monotonic() > deadline:
                    raise NotThereError(str(error)) from error
            time.sleep(POLL_SECONDS)


def main():
    Atspi.set_timeout(CALL_TIMEOUT_MS, CALL_TIMEOUT_MS)
    driver = Driver()
    for line in sys.stdin:
        request = json.loads(line)
        driver.pid = request.pop("pid")
        try:
            answer = {"result": driver.answer(request)}
        except NotThereError as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
