"""The keyring of Linux desktops, which GNOME, KDE and KeePassXC offer by one protocol: the Secret Service of
freedesktop.org, over the person's session bus.

Secrets cross that bus as they are ("plain"): whoever can listen there can ask the service for them as well.
"""

from __future__ import annotations

import os
from typing import Any, Final

from jeepney import AuthenticationError, DBusAddress, DBusErrorResponse, MatchRule, message_bus, new_method_call
from jeepney.io.blocking import DBusConnection, open_dbus_connection
from jeepney.wrappers import unwrap_msg

from llamadesk.control.online.vault import VaultError
from llamadesk.core.paths import APP_NAME
from llamadesk.core.project import APP_ID

_BUS_NAME: Final = "org.freedesktop.secrets"
_SERVICE: Final = "/org/freedesktop/secrets"
_INTERFACES: Final = "org.freedesktop.Secret"
_NOTHING: Final = "/"
"""The path that stands for no object."""
_PATIENCE_SECONDS: Final = 10.0  # a service that is not running yet is started for the question
_PROMPT_SECONDS: Final = 180.0  # a person looks for a password


class SecretService:
    """A `llamadesk.control.online.vault.Vault`. Each question is a session of its own: there are few."""

    def read(self, name: str) -> str:
        """See Vault. The person may be asked to unlock the keyring, but only where it has this secret."""
        with _Session() as session:
            unlocked, locked = session.find(name)
            if not unlocked and locked:
                session.unlock(locked)
            items = unlocked or locked
            return session.secret_of(items[0]) if items else ""

    def write(self, name: str, secret: str) -> None:
        """See Vault."""
        with _Session() as session:
            session.store(name, secret)

    def delete(self, name: str) -> None:
        """See Vault."""
        with _Session() as session:
            unlocked, locked = session.find(name)
            for item in (*unlocked, *locked):
                session.delete(item)


class _Session:
    """A conversation with the service.

    Raises:
        VaultError: there is no session bus; from all methods also: no service, or it refuses.
    """

    def __init__(self) -> None:
        self._connection = _connect()

    def __enter__(self) -> _Session:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def find(self, name: str) -> tuple[list[str], list[str]]:
        """The items with a secret of this name: those that can be read, and those that are locked."""
        unlocked, locked = self._ask(_SERVICE, "Service", "SearchItems", "a{ss}", (_attributes(name),))
        return list(unlocked), list(locked)

    def unlock(self, objects: list[str]) -> None:
        """Have the person unlock items, or a collection."""
        _, prompt = self._ask(_SERVICE, "Service", "Unlock", "ao", (objects,))
        self._wait_for(prompt)

    def secret_of(self, item: str) -> str:
        """What an unlocked item keeps."""
        session = self._open()
        (secrets,) = self._ask(_SERVICE, "Service", "GetSecrets", "aoo", ([item], session))
        if item not in secrets:
            raise VaultError("the item is still locked")
        return bytes(secrets[item][2]).decode("utf-8", "replace")

    def store(self, name: str, secret: str) -> None:
        """Keep a secret in the collection that the person uses."""
        session = self._open()
        (collection,) = self._ask(_SERVICE, "Service", "ReadAlias", "s", ("default",))
        if collection == _NOTHING:
            raise VaultError("the keyring has no default collection")
        self.unlock([collection])
        properties = {
            f"{_INTERFACES}.Item.Label": ("s", f"{APP_NAME}: {name}"),
            f"{_INTERFACES}.Item.Attributes": ("a{ss}", _attributes(name)),
        }
        value = (session, b"", secret.encode(), "text/plain; charset=utf8")
        item, prompt = self._ask(collection, "Collection", "CreateItem", "a{sv}(oayays)b", (properties, value, True))
        if item == _NOTHING:
            self._wait_for(prompt)

    def delete(self, item: str) -> None:
        """Forget an item."""
        (prompt,) = self._ask(item, "Item", "Delete")
        self._wait_for(prompt)

    def _open(self) -> str:
        """A session in the service's own sense."""
        _, session = self._ask(_SERVICE, "Service", "OpenSession", "sv", ("plain", ("s", "")))
        return str(session)

    def _wait_for(self, prompt: str) -> None:
        """Have the service ask the person what it has to, and wait for what they do."""
        if prompt == _NOTHING:
            return
        done = MatchRule(type="signal", interface=f"{_INTERFACES}.Prompt", member="Completed", path=prompt)
        self._send(message_bus.AddMatch(done), _PATIENCE_SECONDS)
        with self._connection.filter(done) as told:
            self._ask(prompt, "Prompt", "Prompt", "s", ("",))
            try:
                dismissed, _ = self._connection.recv_until_filtered(told, timeout=_PROMPT_SECONDS).body
            except OSError as error:
                raise VaultError(type(error).__name__) from error
        if dismissed:
            raise VaultError("the keyring was not unlocked")

    def _ask(self, path: str, interface: str, method: str, signature: str = "", body: tuple[object, ...] = ()) -> Any:
        address = DBusAddress(path, bus_name=_BUS_NAME, interface=f"{_INTERFACES}.{interface}")
        return self._send(new_method_call(address, method, signature or None, body), _PATIENCE_SECONDS)

    def _send(self, message: Any, seconds: float) -> Any:
        try:
            return unwrap_msg(self._connection.send_and_get_reply(message, timeout=seconds))
        except DBusErrorResponse as error:
            raise VaultError(str(error.name)) from error  # its text may name what was asked for
        except OSError as error:  # a TimeoutError is one
            raise VaultError(type(error).__name__) from error


def _connect() -> DBusConnection:
    """To the person's session bus."""
    usual = f"unix:path={os.environ.get('XDG_RUNTIME_DIR', '/run')}/bus"
    try:
        return open_dbus_connection(os.environ.get("DBUS_SESSION_BUS_ADDRESS") or usual)
    except (OSError, ValueError, RuntimeError, AuthenticationError) as error:
        raise VaultError(f"no session bus ({type(error).__name__})") from error


def _attributes(name: str) -> dict[str, str]:
    """By what an item is found again."""
    return {"xdg:schema": f"{APP_ID}.Secret", "name": name}
