"""Who the person is to the hub: their access token, where it is kept, and the one connection that shows it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

from llamadesk.control.online.secrets import system_vault
from llamadesk.control.online.vault import Vault, VaultError
from llamadesk.core.hub import TokenPlace, endpoint_of, host_of

if TYPE_CHECKING:
    from llamadesk.web.connection import Connection

_log = logging.getLogger(__name__)


class TokenFacts(msgspec.Struct, frozen=True):
    """What may be told of the token.

    Attributes:
        place: where it is kept.
        can_forget: whether it was entered here.
        keeps: whether there is a keyring; None until that was tried.
        number: counts up with each token that is entered, to tell one from another.
    """

    place: TokenPlace = TokenPlace.NOWHERE
    can_forget: bool = False
    keeps: bool | None = None
    number: int = 0


class HubAccount:
    """Blocking, and safe to use from several threads; `endpoint` and `token` alone answer at once.

    A token that the person entered goes before that of HF_TOKEN. It is kept for one hub: another one, which HF_ENDPOINT
    may name some day, is never shown it.

    Args:
        environment: with HF_ENDPOINT and HF_TOKEN.
        make_vault: the keyring; asked for when it is first needed.

    Attributes:
        endpoint: the hub's address.
        host: what it is called.
        token: what may be told of the token.
    """

    def __init__(self, environment: Mapping[str, str], make_vault: Callable[[], Vault] = system_vault) -> None:
        self._environment = environment
        self._make_vault = make_vault
        self._lock = threading.RLock()
        self._made: list[Connection] = []
        self._current: Connection | None = None
        self._entered = ""
        self._has_read = False
        self.endpoint = endpoint_of(environment)
        self.host = host_of(self.endpoint)
        self.token = TokenFacts(self._place(TokenPlace.NOWHERE))

    def connection(self) -> Connection:
        """The connection of now. The first time the token is looked for, for which the person may have to unlock their
        keyring.

        Raises:
            ProblemError: the token is none.
        """
        from llamadesk.web.connection import Connection  # noqa: PLC0415 - on the thread that needs it

        with self._lock:
            if self._current is None:
                self._read()
                self._use(Connection.from_environment(self._environment, self._entered))
            assert self._current is not None
            return self._current

    def enter(self, token: str) -> None:
        """Show the hub this token from now on, and keep it.

        Raises:
            ProblemError: it is none.
        """
        from llamadesk.web.connection import Connection  # noqa: PLC0415

        connection = Connection(self.endpoint, token)
        with self._lock:
            self._entered, self._has_read = token, True
            self._use(connection)
        number = self.token.number + 1
        try:  # without the lock: the person may be asked to unlock their keyring, and others need not wait for that
            self._make_vault().write(self._name, token)
        except VaultError as error:
            _log.info("The keyring does not take the token: %s", error)
            self.token = TokenFacts(TokenPlace.SESSION, can_forget=True, keeps=False, number=number)
        else:
            self.token = TokenFacts(TokenPlace.KEYRING, can_forget=True, keeps=True, number=number)

    def forget(self) -> bool:
        """Forget the token that was entered; whether it is certain that the keyring has none any more."""
        with self._lock:
            self._entered, self._has_read, self._current = "", True, None
        self.token = msgspec.structs.replace(self.token, place=self._place(TokenPlace.NOWHERE), can_forget=False)
        try:
            self._make_vault().delete(self._name)
        except VaultError as error:
            _log.info("The keyring does not forget the token: %s", error)
            return self.token.keeps is not True
        return True

    def close(self) -> None:
        """Close what is kept open. Whoever holds a connection may go on with what is under way."""
        made, self._made = self._made, []  # without the lock: the keyring may be waiting for the person
        for connection in made:
            connection.close()

    @property
    def _name(self) -> str:
        """Of the secret in the keyring."""
        return f"access token for {self.host}"

    def _read(self) -> None:
        """Look for the token in the keyring, once."""
        if self._has_read:
            return
        self._has_read = True
        try:
            self._entered = self._make_vault().read(self._name)
        except VaultError as error:
            _log.info("The keyring cannot be read: %s", error)
            self.token = TokenFacts(self._place(TokenPlace.NOWHERE), keeps=False)
            return
        place = self._place(TokenPlace.KEYRING if self._entered else TokenPlace.NOWHERE)
        self.token = TokenFacts(place, can_forget=bool(self._entered), keeps=True)

    def _use(self, connection: Connection) -> None:
        self._current = connection
        self._made.append(connection)

    def _place(self, entered: TokenPlace) -> TokenPlace:
        """Where the token is that the hub is shown."""
        given = self._environment.get("HF_TOKEN", "").strip()
        return TokenPlace.ENVIRONMENT if entered is TokenPlace.NOWHERE and given else entered
