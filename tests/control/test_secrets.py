"""The system's keyring: over a real session bus with a service of the tests' own, and by the library's backends, whose
systems are not here."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator

import pytest

from llamadesk.control.online.secrets import KeyringVault, system_vault
from llamadesk.control.online.vault import VaultError

linux = pytest.mark.skipif(
    not sys.platform.startswith("linux") or shutil.which("dbus-daemon") is None, reason="needs a session bus"
)
NAME, SECRET = "access token for hub.invalid", "hf_sécret"

if sys.platform.startswith("linux"):
    from llamadesk.control.online import secret_service
    from llamadesk.control.online.secret_service import SecretService
    from tests.control.secret_service_server import SecretServiceServer


@linux
class TestSecretService:
    @pytest.fixture
    def server(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[SecretServiceServer]:
        server = SecretServiceServer()
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", server.address)
        yield server
        server.close()

    def test_a_secret_is_kept_replaced_and_forgotten(self, server: SecretServiceServer) -> None:
        vault = system_vault()
        assert isinstance(vault, SecretService)
        assert vault.read(NAME) == ""
        vault.write(NAME, "an older one")
        vault.write(NAME, SECRET)
        assert len(server.items) == 1
        assert vault.read(NAME) == SECRET
        assert vault.read("another") == ""
        vault.delete(NAME)
        assert server.items == {} and vault.read(NAME) == ""
        vault.delete(NAME)  # one that is gone is no trouble

    def test_nobody_is_asked_to_unlock_what_holds_nothing_of_ours(self, server: SecretServiceServer) -> None:
        server.locked = True
        assert SecretService().read(NAME) == ""
        assert "Prompt" not in server.asked

    def test_the_person_unlocks_it(self, server: SecretServiceServer) -> None:
        vault = SecretService()
        vault.write(NAME, SECRET)
        server.locked = True
        assert vault.read(NAME) == SECRET
        server.locked = True
        vault.write(NAME, "new")
        assert vault.read(NAME) == "new"

    def test_the_person_does_not_unlock_it(self, server: SecretServiceServer) -> None:
        vault = SecretService()
        vault.write(NAME, SECRET)
        server.locked = server.dismisses = True
        for act in (lambda: vault.read(NAME), lambda: vault.write(NAME, "new")):
            with pytest.raises(VaultError, match="not unlocked"):
                act()
        server.locked = server.dismisses = False
        assert vault.read(NAME) == SECRET

    def test_the_person_never_answers(self, server: SecretServiceServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(secret_service, "_PROMPT_SECONDS", 0.05)
        monkeypatch.setattr(server, "_complete", lambda _: None)
        vault = SecretService()
        vault.write(NAME, SECRET)
        server.locked = True
        with pytest.raises(VaultError):
            vault.read(NAME)

    def test_a_keyring_without_a_collection(self, server: SecretServiceServer) -> None:
        server.has_collection = False
        with pytest.raises(VaultError, match="no default collection"):
            SecretService().write(NAME, SECRET)

    def test_a_service_that_refuses(self, server: SecretServiceServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(server, "_on_OpenSession", None, raising=False)
        with pytest.raises(VaultError) as error:
            SecretService().write(NAME, SECRET)
        assert SECRET not in str(error.value)

    @pytest.mark.parametrize(
        "address", ["", "unix:path=/nowhere/at/all", "nonsense", "tcp:host=localhost,port=1", "unix:nothing=1"]
    )
    def test_no_bus(self, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        monkeypatch.setenv("XDG_RUNTIME_DIR", "/nowhere")
        with pytest.raises(VaultError, match="no session bus"):
            SecretService().read(NAME)


class Backend:
    """As those of the library keyring."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.broken = False

    def get_password(self, service: str, username: str) -> str | None:
        self._check()
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._check()
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._check()
        del self.kept[service, username]

    def _check(self) -> None:
        if self.broken:
            raise RuntimeError(f"it is locked; {SECRET} was not kept")


class TestBackends:
    """Those of Windows and macOS stand behind the same three methods; neither was run here."""

    def test_a_secret_is_kept_and_forgotten(self) -> None:
        backend = Backend()
        vault = KeyringVault(backend)
        assert vault.read(NAME) == ""
        vault.write(NAME, SECRET)
        assert vault.read(NAME) == SECRET
        assert list(backend.kept) == [("LlamaDesk", NAME)]
        vault.delete(NAME)
        vault.delete(NAME)
        assert backend.kept == {}

    @pytest.mark.parametrize("system", ["win32", "darwin"])
    def test_a_library_that_does_not_work_here(self, system: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "platform", system)
        monkeypatch.setitem(sys.modules, "keyring", None)
        with pytest.raises(VaultError, match="while it was looked for"):
            system_vault()

    def test_trouble_is_one_kind_and_tells_no_secret(self) -> None:
        backend = Backend()
        backend.broken = True
        vault = KeyringVault(backend)
        for act in (lambda: vault.read(NAME), lambda: vault.write(NAME, SECRET), lambda: vault.delete(NAME)):
            with pytest.raises(VaultError) as error:
                act()
            assert SECRET not in str(error.value)
