"""A Secret Service on a session bus of its own: the parts of freedesktop.org's protocol that are used, as its
specification tells them. It can be locked, ask the person, be dismissed, and have no collection."""

from __future__ import annotations

import subprocess
import threading
from contextlib import suppress
from typing import Any

from jeepney import DBusAddress, HeaderFields, Message, MessageType, new_error, new_method_return, new_signal
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import open_dbus_connection

_PREFIX = "org.freedesktop.Secret"
_COLLECTION = "/org/freedesktop/secrets/collection/login"
_PROMPT = "/org/freedesktop/secrets/prompt/p1"
_SESSION = "/org/freedesktop/secrets/session/s1"


class SecretServiceServer:
    """Answers on a thread of its own.

    Attributes:
        address: of the bus.
        items: path -> (attributes, secret).
        locked: items and collection have to be unlocked, for which the person is asked.
        dismisses: the person closes that question.
        has_collection: whether there is a default one.
        asked: the methods that were called, in order.
    """

    def __init__(self) -> None:
        self.items: dict[str, tuple[dict[str, str], bytes]] = {}
        self.locked = False
        self.dismisses = False
        self.has_collection = True
        self.asked: list[str] = []
        self._bus = subprocess.Popen(
            ["dbus-daemon", "--session", "--nofork", "--print-address=1"], stdout=subprocess.PIPE, text=True
        )
        assert self._bus.stdout is not None
        self.address = self._bus.stdout.readline().strip()
        self._connection = open_dbus_connection(self.address)
        self._connection.send_and_get_reply(message_bus.RequestName("org.freedesktop.secrets"))
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._ends.set()
        self._thread.join()
        self._connection.close()
        self._bus.terminate()
        self._bus.wait()
        assert self._bus.stdout is not None
        self._bus.stdout.close()

    def _serve(self) -> None:
        while not self._ends.is_set():
            with suppress(TimeoutError):
                message = self._connection.receive(timeout=0.05)
                if message.header.message_type is MessageType.method_call:
                    self._answer(message)

    def _answer(self, message: Message) -> None:
        fields = message.header.fields
        method, path = fields[HeaderFields.member], fields[HeaderFields.path]
        self.asked.append(method)
        answer = getattr(self, f"_on_{method}", None)
        if answer is None:
            self._connection.send(new_error(message, "org.freedesktop.DBus.Error.UnknownMethod"))
            return
        signature, body = answer(path, *message.body)
        if signature == "error":
            self._connection.send(new_error(message, body))
        else:
            self._connection.send(new_method_return(message, signature or None, body))
        if method == "Prompt":
            self._complete(message)

    def _complete(self, message: Message) -> None:
        self.locked = self.locked and self.dismisses
        emitter = DBusAddress(_PROMPT, interface=f"{_PREFIX}.Prompt")
        signal = new_signal(emitter, "Completed", "bv", (self.dismisses, ("ao", [])))
        self._connection.send(signal)

    def _on_SearchItems(self, _path: str, attributes: dict[str, str]) -> tuple[str, Any]:
        found = [path for path, (kept, _) in self.items.items() if attributes.items() <= kept.items()]
        return "aoao", ([], found) if self.locked else (found, [])

    def _on_Unlock(self, _path: str, objects: list[str]) -> tuple[str, Any]:
        return "aoo", ([], _PROMPT) if self.locked else (objects, "/")

    def _on_Prompt(self, _path: str, _window: str) -> tuple[str, Any]:
        return "", ()

    def _on_OpenSession(self, _path: str, algorithm: str, _value: object) -> tuple[str, Any]:
        assert algorithm == "plain"
        return "vo", (("s", ""), _SESSION)

    def _on_GetSecrets(self, _path: str, items: list[str], session: str) -> tuple[str, Any]:
        assert session == _SESSION
        told = {} if self.locked else {item: (session, b"", self.items[item][1], "text/plain") for item in items}
        return "a{o(oayays)}", (told,)

    def _on_ReadAlias(self, _path: str, name: str) -> tuple[str, Any]:
        assert name == "default"
        return "o", (_COLLECTION if self.has_collection else "/",)

    def _on_CreateItem(self, path: str, properties: dict[str, Any], secret: Any, replace: bool) -> tuple[str, Any]:
        assert path == _COLLECTION and replace and secret[0] == _SESSION
        if self.locked:
            return "error", f"{_PREFIX}.Error.IsLocked"
        attributes = properties[f"{_PREFIX}.Item.Attributes"][1]
        same = [item for item, (kept, _) in self.items.items() if kept == attributes]
        item = same[0] if same else f"{_COLLECTION}/i{len(self.items)}"
        self.items[item] = (attributes, bytes(secret[2]))
        return "oo", (item, "/")

    def _on_Delete(self, path: str) -> tuple[str, Any]:
        del self.items[path]
        return "o", ("/",)
