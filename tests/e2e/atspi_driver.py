"""Reads and works a window from outside, as a screen reader does: AT-SPI's D-Bus interfaces.

Run by the *system's* Python, which has Gio; driven by JSON lines: a request {"do": ..., ...} on standard input, an
answer {"result": ...} or {"error": ...} on standard output. `window.py` is the other end.

A node is named by its role (AT-SPI's words: "push button", "text", "slider", ...) and its accessible name. The bare
interfaces are used and not libatspi: nothing is cached here, and the children of a node come in one answer. Asking for
them one by one is a race that Qt loses: a scroll area that is asked for a child it no longer has reads beyond its list.
"""

import json
import sys
import time

from gi.repository import Gio, GLib

POLL_SECONDS = 0.05
CALL_TIMEOUT_MS = 5000
PRESS_SECONDS = 0.15  # Qt answers at once, but keeps the button down for 100 ms before it counts as clicked
ENABLED, SHOWING = 8, 25  # bits of AT-SPI's state
ROOT = "/org/a11y/atspi/accessible/root"


class NotThereError(Exception):
    """No such node in the window, or not yet."""


def accessibility_bus():
    session = Gio.bus_get_sync(Gio.BusType.SESSION)
    reply = session.call_sync(
        "org.a11y.Bus",
        "/org/a11y/bus",
        "org.a11y.Bus",
        "GetAddress",
        None,
        None,
        Gio.DBusCallFlags.NONE,
        CALL_TIMEOUT_MS,
        None,
    )
    flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
    return Gio.DBusConnection.new_for_address_sync(reply.unpack()[0], flags, None, None)


class Node:
    """One accessible object: where it is on the bus."""

    def __init__(self, bus, owner, path):
        self.bus = bus
        self.owner = owner
        self.path = path

    def call(self, interface, method, signature="()", *arguments):
        """The unpacked answer; a tuple of one is that one."""
        answer = self.bus.call_sync(
            self.owner,
            self.path,
            interface if "." in interface else "org.a11y.atspi." + interface,
            method,
            GLib.Variant(signature, arguments),
            None,
            Gio.DBusCallFlags.NONE,
            CALL_TIMEOUT_MS,
            None,
        ).unpack()
        return answer[0] if len(answer) == 1 else answer

    def get(self, interface, name):
        return self.call("org.freedesktop.DBus.Properties", "Get", "(ss)", "org.a11y.atspi." + interface, name)

    @property
    def role(self):
        return self.call("Accessible", "GetRoleName")

    @property
    def name(self):
        return self.get("Accessible", "Name")

    @property
    def children(self):
        return [Node(self.bus, owner, path) for owner, path in self.call("Accessible", "GetChildren")]

    def state(self, bit):
        low, _high = self.call("Accessible", "GetState")
        return bool(low >> bit & 1)

    @property
    def showing(self):
        return self.state(SHOWING)

    def has(self, interface):
        return "org.a11y.atspi." + interface in self.call("Accessible", "GetInterfaces")

    @property
    def text(self):
        """Its own text; "" of a node that has none."""
        return self.call("Text", "GetText", "(ii)", 0, -1) if self.has("Text") else ""

    def walk(self):
        """This node and all below it, in order, without those that vanish meanwhile."""
        yield self
        try:
            children = self.children
        except GLib.Error:
            return
        for child in children:
            yield from child.walk()


class Driver:
    """One application, found by its process id."""

    def __init__(self):
        self.bus = accessibility_bus()
        self.pid = 0

    def app(self):
        for app in Node(self.bus, "org.a11y.atspi.Registry", ROOT).children:
            bus = Node(self.bus, "org.freedesktop.DBus", "/org/freedesktop/DBus")
            pid = bus.call("org.freedesktop.DBus", "GetConnectionUnixProcessID", "(s)", app.owner)
            if pid == self.pid:
                return app
        raise NotThereError(f"no window of process {self.pid}")

    def find(self, role, name):
        for node in self.app().walk():
            try:
                if node.name == name and node.role == role and node.showing:
                    return node
            except GLib.Error:  # it has just vanished
                continue
        raise NotThereError(f"no {role} {name!r}")

    # --- What can be asked for; each is tried again until it works or the time is up ---

    def do_window(self):
        """The window's title."""
        for window in self.app().children:
            if window.showing:
                return window.name
        raise NotThereError("no window on the screen")

    def do_has(self, role, name):
        self.find(role, name)
        return True

    def do_press(self, role, name):
        node = self.find(role, name)
        if not node.state(ENABLED):
            raise NotThereError(f"{role} {name!r} cannot be pressed now")
        names = [action[0] for action in node.call("Action", "GetActions")]
        for word in ("Press", "Toggle"):
            if word in names:
                node.call("Action", "DoAction", "(i)", names.index(word))
                time.sleep(PRESS_SECONDS)
                return True
        raise NotThereError(f"{role} {name!r} has no press")

    def do_select(self, role, name, item):
        """Choose the first item of a list whose name begins with `item`."""
        chosen = self.find(role, name)
        for i, child in enumerate(chosen.children):
            if child.name.startswith(item):
                return chosen.call("Selection", "SelectChild", "(i)", i)
        raise NotThereError(f"no {item!r} in {role} {name!r}")

    def do_items(self, role, name):
        return [child.name for child in self.find(role, name).children]

    def do_set_text(self, role, name, text):
        return self.find(role, name).call("EditableText", "SetTextContents", "(s)", text)

    def do_text(self, role, name):
        return self.find(role, name).text

    def do_names(self, part):
        """The names in which `part` occurs, of what is on the screen."""
        found = []
        for node in self.app().walk():
            try:
                if part in node.name and node.showing:
                    found.append(node.name)
            except GLib.Error:  # it has just vanished
                continue
        return found

    def do_description(self, role, name):
        return self.find(role, name).get("Accessible", "Description")

    def do_texts_below(self, name):
        """Name and text of everything below the node called `name`, whatever its role; nothing where it is hidden."""
        top = next((node for node in self.app().walk() if node.name == name), None)
        if top is None:
            raise NotThereError(f"nothing called {name!r}")
        if not top.showing:
            return []
        return [part for node in top.walk() for part in (node.name, node.text) if part]

    def do_value(self, role, name):
        node = self.find(role, name)
        return [node.get("Value", which) for which in ("CurrentValue", "MinimumValue", "MaximumValue")]

    def do_set_value(self, role, name, value):
        where = ("org.a11y.atspi.Value", "CurrentValue", GLib.Variant("d", value))
        self.find(role, name).call("org.freedesktop.DBus.Properties", "Set", "(ssv)", *where)
        return True

    def do_enabled(self, role, name):
        return self.find(role, name).state(ENABLED)

    def do_tree(self):
        """Everything there is, for the message of a test that failed."""
        lines = []

        def add(node, depth):
            hidden = "" if node.showing else " (hidden)"
            lines.append(f"{'  ' * depth}{node.role} {node.name!r} {node.text[:200]!r}{hidden}")
            for child in node.children:
                add(child, depth + 1)

        add(self.app(), 0)
        return "\n".join(lines)

    def answer(self, request):
        do = getattr(self, "do_" + request.pop("do"))
        deadline = time.monotonic() + request.pop("seconds")
        while True:
            try:
                return do(**request)
            except (NotThereError, GLib.Error) as error:
                if time.monotonic() > deadline:
                    raise NotThereError(str(error)) from error
            time.sleep(POLL_SECONDS)


def main():
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
