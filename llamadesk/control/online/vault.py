"""What keeps a person's secrets, whatever it is on their system."""

from __future__ import annotations

from typing import Protocol


class VaultError(Exception):
    """There is no keyring, it is locked and stays so, or it refused. The message is for the log and has no secret."""


class Vault(Protocol):
    """Keeps secrets by their names. All methods block, for minutes where the system asks the person to unlock it."""

    def read(self, name: str) -> str:
        """The secret; "" where there is none.

        Raises:
            VaultError: it cannot be looked for.
        """
        ...

    def write(self, name: str, secret: str) -> None:
        """Keep a secret, in the place of an earlier one of that name.

        Raises:
            VaultError: it could not be kept.
        """
        ...

    def delete(self, name: str) -> None:
        """Forget a secret, if it is there.

        Raises:
            VaultError: it may be there still.
        """
        ...
