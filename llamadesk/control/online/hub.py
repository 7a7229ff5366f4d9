"""What a person does with the hub of models: search, look at a model, at its files, and enter an access token.

Nothing is asked of the network until they do one of these.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject

from llamadesk.control.online.hub_account import HubAccount
from llamadesk.control.online.hub_pages import HubPages
from llamadesk.control.online.hub_questions import HubQuestions
from llamadesk.control.online.secrets import system_vault
from llamadesk.control.online.vault import Vault
from llamadesk.control.rooms import Rooms
from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.core.hub import HubFile, HubPart, file_url, repository_in
from llamadesk.state.hub import HubState

if TYPE_CHECKING:
    from llamadesk.web.connection import Connection
    from llamadesk.web.hub import Hub
    from llamadesk.web.transfer import Transfer, Wanted

_NOT_FORGOTTEN: Final = Problem(
    ProblemCode.HUB_TOKEN,
    "LlamaDesk uses the token no more, but the system's keyring did not let go of it.",
    "Delete it there, or make it invalid in your account's settings on the hub's page.",
)


class HubControl(QObject):
    """Asks the hub, on threads that nothing waits for, and fills `state`, which views follow.

    Args:
        rooms: tells of the machine, and runs what has to be waited for.
        environment: with HF_ENDPOINT and HF_TOKEN.
        make_vault: the keyring for the token.

    Attributes:
        state: what is shown.
    """

    def __init__(
        self,
        rooms: Rooms,
        parent: QObject | None = None,
        *,
        environment: Mapping[str, str] = os.environ,
        make_vault: Callable[[], Vault] = system_vault,
    ) -> None:
        super().__init__(parent)
        self._rooms = rooms
        self._account = HubAccount(environment, make_vault)
        self._searches = 0  # those begun: an answer to an earlier one is dropped
        self.state = HubState(self._account.host, self)
        self._questions = HubQuestions(rooms.tasks, self._account, self.state)
        self._pages = HubPages(rooms, self._questions, self.state)

    # --- Searching ---

    def search(self, text: str) -> None:
        """Look for repositories whose names have these words. The address of a page, pasted, opens that page; nothing
        clears the results."""
        text = text.strip()
        self._searches += 1
        repository = repository_in(text)
        if repository:
            self.open(repository)
        elif text:
            self.state.begin_search(text)
            self._rooms.tasks.start(self._search(text, self._searches), apart=True)
        else:
            self.state.clear_search()

    def search_again(self) -> None:
        """Ask the same once more."""
        self.search(self.state.query)

    async def _search(self, text: str, number: int) -> None:
        try:
            found = await self._questions.ask(lambda hub: hub.search(text))
        except ProblemError as error:
            if number == self._searches:
                self.state.end_search(problem=error.problem)
            return
        if number == self._searches:
            self.state.end_search(found)

    # --- A page ---

    def open(self, repository: str) -> None:
        """Show the page of a repository ("owner/name") with its files; one that is being opened already goes on."""
        self._pages.open(repository)

    def open_again(self) -> None:
        """Ask for the same page once more."""
        self._pages.open_again()

    def close_page(self) -> None:
        """No page is shown any more; what is still awaited for it is dropped."""
        self._pages.close()

    def look_into(self, file: HubFile) -> None:
        """Read what the header of a file of the page says, without downloading the rest."""
        self._pages.look_into(file)

    # --- The token ---

    def set_token(self, text: str) -> None:
        """Show the hub this access token from now on, and keep it where that is safe."""
        if token := text.strip():
            self._rooms.tasks.start(self._set_token(token))

    async def _set_token(self, token: str) -> None:
        try:
            await self._rooms.tasks.read_apart(self._account.enter, token)
        except ProblemError as error:
            self._questions.tell_of_token(error.problem)
            return
        self._questions.tell_of_token()
        self._pages.try_what_was_refused()

    def forget_token(self) -> None:
        """Forget the token that was entered, here and in the keyring."""
        self._rooms.tasks.start(self._forget_token())

    async def _forget_token(self) -> None:
        is_gone = await self._rooms.tasks.read_apart(self._account.forget)
        self._questions.tell_of_token(None if is_gone else _NOT_FORGOTTEN)

    # --- Addresses ---

    def url(self, file: HubFile, part: HubPart) -> str:
        """Where a part of a file is to be asked for; the hub redirects from there."""
        return file_url(self._account.endpoint, file, part)

    def link(self, repository: str) -> str:
        """The page of a repository, for a browser."""
        return f"{self._account.endpoint}/{repository}"

    @property
    def token_link(self) -> str:
        """The page where a person makes an access token, for a browser."""
        return f"{self._account.endpoint}/settings/tokens"

    # --- For other controls ---

    async def files_of(self, repository: str, revision: str = "main") -> list[HubFile]:
        """The files of a repository; of the state that it is in now where `revision` is "main", so that what is
        downloaded of them is of one state.

        Raises:
            ProblemError: they could not be had.
        """

        def ask(hub: Hub) -> list[HubFile]:
            commit = hub.model(repository).commit if revision == "main" else ""
            return hub.files(repository, commit or revision)

        return await self._questions.ask(ask)

    def connection(self) -> Connection:
        """The connection of now, with the person's token. Blocking: not for the window's thread; it may ask the person
        to unlock their keyring.

        Raises:
            ProblemError: the token is none.
        """
        return self._account.connection()

    def transfer(self, wanted: Wanted, records: Path | None = None) -> Transfer:
        """A download of the hub's, to be run where this is called: on a thread of its own. See `connection`.

        Args:
            wanted: what to download.
            records: see `Transfer`.
        """
        from llamadesk.web.transfer import Transfer  # noqa: PLC0415 - on the thread that needs it

        return Transfer(self.connection(), wanted, records=records)

    def end(self) -> None:
        """The app closes: no connection stays open, and no answer is waited for."""
        self._searches += 1
        self._pages.end()
        self._account.close()
