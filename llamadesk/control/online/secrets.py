"""Where secrets are kept for the person: in the system's own keyring, and never in a file of ours.

On Windows and macOS the library keyring speaks to it (the backend is imported by its name: keyring's own search for
what is installed fails in a bundle). On Linux it would bring a library of cryptography along, for a token that the
session bus carries as it is anyway: there `secret_service` says the few things that are needed itself.
"""

from __future__ import annotations

import sys
from typing import Any, Final

from llamadesk.control.online.vault import Vault, VaultError
from llamadesk.core.paths import APP_NAME

_SERVICE: Final = APP_NAME


def system_vault() -> Vault:
    """The keyring of this system; whether there is one may show only when it is used. Not for the window's thread: it
    imports.

    Raises:
        VaultError: what speaks to it is not there, or does not work.
    """
    try:
        if sys.platform in ("win32", "darwin"):
            return KeyringVault(_backend())
        from llamadesk.control.online.secret_service import SecretService  # noqa: PLC0415 - only this thread needs it

        return SecretService()
    except Exception as error:  # in a bundle a library may miss anything
        raise VaultError(f"{type(error).__name__} while it was looked for") from error


class KeyringVault:
    """A backend of the library keyring as a `Vault`."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend

    def read(self, name: str) -> str:
        """See Vault."""
        try:
            found: str | None = self._backend.get_password(_SERVICE, name)
        except Exception as error:  # each backend has its own, and the system's besides
            raise VaultError(type(error).__name__) from error
        return found or ""

    def write(self, name: str, secret: str) -> None:
        """See Vault."""
        try:
            self._backend.set_password(_SERVICE, name, secret)
        except Exception as error:
            raise VaultError(type(error).__name__) from error

    def delete(self, name: str) -> None:
        """See Vault."""
        if not self.read(name):
            return  # backends do not agree on what to raise
        try:
            self._backend.delete_password(_SERVICE, name)
        except Exception as error:
            raise VaultError(type(error).__name__) from error


def _backend() -> Any:
    """The one of this system."""
    if sys.platform == "win32":
        from keyring.backends.Windows import WinVaultKeyring  # noqa: PLC0415 - not there on other systems

        return WinVaultKeyring()
    from keyring.backends.macOS import Keyring  # noqa: PLC0415

    return Keyring()
