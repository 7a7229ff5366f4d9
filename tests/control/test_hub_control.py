"""What a person does with the hub: search, pages, headers, the token; against a real hub on this machine."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from gguf_files import LLAMA_2_7B, Shape
from model_trees import write_set

from llamadesk.control.online.hub import HubControl
from llamadesk.core.errors import ProblemCode, ProblemError
from llamadesk.core.fit import Verdict
from llamadesk.core.hub import TokenPlace
from llamadesk.core.settings import CONTEXT_LENGTH
from llamadesk.web.transfer import Wanted
from tests.control.hub_driver import HubDriver, hub_driver, server
from tests.web.hub_server import GRANTED_TOKEN, Fault, HubServer

__all__ = ["hub_driver", "server"]

MODEL = "someone/Small-7B-GGUF"


@pytest.fixture
def hub(hub_driver: HubDriver) -> HubControl:
    return hub_driver.control()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return Shape().write(tmp_path_factory.mktemp("hub") / "tiny.gguf").read_bytes()


def hang(request: BaseHTTPRequestHandler, _: bytes) -> None:
    """Never answers."""
    request.server.owner.released.wait(60)  # type: ignore[attr-defined]
    request.close_connection = True


def tokens_seen(server: HubServer) -> set[str]:
    return {request.headers.get("authorization", "") for request in server.requests}


class TestSearch:
    def test_nobody_is_asked_before_the_person_acts(self, hub: HubControl, hub_driver: HubDriver) -> None:
        hub_driver.settle()
        assert hub.state.query == "" and hub.state.host in hub_driver.server.endpoint
        assert hub_driver.server.requests == []
        assert hub_driver.vault.n_reads == 0

    def test_what_is_found(self, hub: HubControl, hub_driver: HubDriver, server: HubServer) -> None:
        server.add(MODEL, "a.gguf", b"GGUF")
        hub.search("  small ")
        assert hub.state.is_searching
        hub_driver.settle()
        assert [model.repository for model in hub.state.results] == [MODEL]
        assert (hub.state.query, hub.state.is_searching, hub.state.problem) == ("small", False, None)
        hub.search("")
        assert (hub.state.query, hub.state.results) == ("", ())

    @pytest.mark.parametrize(
        ("status", "code"),
        [(429, ProblemCode.HUB_BUSY), (503, ProblemCode.HUB_BUSY), (400, ProblemCode.NETWORK_FAILED)],
    )
    def test_trouble_and_trying_again(
        self, hub: HubControl, hub_driver: HubDriver, server: HubServer, status: int, code: ProblemCode
    ) -> None:
        server.add(MODEL, "a.gguf", b"GGUF")
        server.hub_faults = [Fault(status=status)]
        hub.search("small")
        hub_driver.settle()
        assert hub.state.problem is not None and hub.state.problem.code is code
        hub.search_again()
        hub_driver.settle()
        assert hub.state.problem is None and len(hub.state.results) == 1

    def test_no_network(self, hub_driver: HubDriver) -> None:
        hub = hub_driver.control(HF_ENDPOINT="http://127.0.0.1:9")
        hub.search("small")
        hub_driver.settle()
        assert hub.state.problem is not None
        assert "could not be reached" in hub.state.problem.title

    def test_a_pasted_address_opens_the_page(self, hub: HubControl, hub_driver: HubDriver, server: HubServer) -> None:
        server.add(MODEL, "a.gguf", b"GGUF")
        hub.search(f"{hub.link(MODEL)}/tree/main")
        hub_driver.settle()
        assert hub.state.page is not None and hub.state.page.model.repository == MODEL
        assert hub.state.query == ""

    def test_an_answer_that_comes_too_late_is_dropped(
        self, hub: HubControl, hub_driver: HubDriver, server: HubServer
    ) -> None:
        server.add(MODEL, "a.gguf", b"GGUF")
        released = threading.Event()

        def late(request: BaseHTTPRequestHandler, _: bytes) -> None:
            released.wait(60)
            request.server.owner.hub_faults = []  # type: ignore[attr-defined]
            request.answer()  # type: ignore[attr-defined]

        server.hub_faults = [late]
        hub.search("small")
        hub_driver.until(lambda: server.requests)
        hub.search("nothing like it")
        hub_driver.until(lambda: not hub.state.is_searching)
        released.set()
        hub_driver.settle()
        assert (hub.state.query, hub.state.results) == ("nothing like it", ())

    def test_a_hub_that_hangs_holds_up_nothing(self, hub: HubControl, hub_driver: HubDriver, server: HubServer) -> None:
        server.add(MODEL, "a.gguf", b"GGUF")
        server.hub_faults = [hang]
        hub.search("small")
        hub_driver.until(lambda: server.requests)
        assert hub_driver.run(hub_driver.tasks.read(lambda: 7)) == 7  # the thread that reads is free
        hub.search("small 7B")
        hub_driver.until(lambda: not hub.state.is_searching)
        assert len(hub.state.results) == 1


class TestPage:
    def test_its_files_and_whether_they_fit(self, hub: HubControl, hub_driver: HubDriver, server: HubServer) -> None:
        server.add(MODEL, "m-Q8_0.gguf", b"x" * 300)
        server.add(MODEL, "mmproj-m.gguf", b"x")
        hub.open(MODEL)
        assert hub.state.is_opening
        hub_driver.settle()
        assert [file.path for file in hub.state.files] == ["m-Q8_0.gguf", "mmproj-m.gguf"]
        assert {file.revision for file in hub.state.files} == {server.commit(MODEL)}
        assert "pictures" in hub.state.fits["mmproj-m.gguf"].words

    def test_one_header_tells_of_all_quantizations(
        self, hub: HubControl, hub_driver: HubDriver, server: HubServer, tiny: bytes
    ) -> None:
        for name, size in (("Q2_K", 1), ("Q4_K_M", 2), ("Q8_0", 4)):
            server.add(MODEL, f"m-{name}.gguf", tiny * size)
        hub.open(MODEL)
        hub_driver.settle()
        assert list(hub.state.facts) == ["m-Q4_K_M.gguf"]
        assert {request.path.partition("?")[0] for request in server.file_requests()} == {f"/cdn/{MODEL}/m-Q4_K_M.gguf"}
        assert {fit.verdict for fit in hub.state.fits.values()} == {Verdict.COMFORTABLE}
        assert all("Fits comfortably: about" in fit.words for fit in hub.state.fits.values())

    def test_a_file_is_looked_into_on_demand(
        self, hub: HubControl, hub_driver: HubDriver, server: HubServer, tiny: bytes
    ) -> None:
        server.add(MODEL, "m-Q4_0.gguf", tiny)
        server.add(MODEL, "m-Q8_0.gguf", tiny + b"0")
        hub.open(MODEL)
        hub_driver.settle()
        other = hub.state.files[1]
        hub.look_into(other)
        hub.look_into(other)  # twice pressed is once asked
        hub_driver.settle()
        assert hub.state.facts[other.path].n_ctx_train == 512
        assert len(server.file_requests()) == 2

    def test_of_a_set_the_whole_model_is_told(
        self, hub: HubControl, hub_driver: HubDriver, server: HubServer, tmp_path: Path, tiny: bytes
    ) -> None:
        parts = write_set(tmp_path, "m-Q8_0", 3, Shape())
        for part in parts:
            server.add(MODEL, part.name, part.read_bytes())
        server.add("someone/Whole-GGUF", "whole.gguf", tiny)
        told = set()
        for repository in (MODEL, "someone/Whole-GGUF"):
            hub.open(repository)
            hub_driver.settle()
            (facts,) = hub.state.facts.values()
            told.add((facts.n_params, facts.tensor_bytes, facts.n_layers))
        assert len(told) == 1

    def test_a_set_that_misses_a_part_is_not_looked_into(
        self, hub: HubControl, hub_driver: HubDriver, server: HubServer
    ) -> None:
        server.add(MODEL, "m-Q4_0-00002-of-00003.gguf", b"x")
        hub.open(MODEL)
        hub_driver.settle()
        (file,) = hub.state.files
        assert "Only 1 of its 3 parts" in hub.state.fits[file.path].words
        assert server.file_requests() == []

    def test_what_is_far_too_big_is_known_without_its_header(
        self, hub: HubControl, hub_driver: HubDriver, server: HubServer
    ) -> None:
        server.add(MODEL, "m-F16.gguf", b"GGUF", size=10**15)
        hub.open(MODEL)
        hub_driver.settle()
        assert hub.state.fits["m-F16.gguf"].verdict is Verdict.TOO_BIG
        assert server.file_requests() == []

    def test_the_persons_own_context_length_counts(
        self, hub: HubControl, hub_driver: HubDriver, server: HubServer, tmp_path: Path
    ) -> None:
        path = LLAMA_2_7B.write(tmp_path / "m-Q4_0.gguf")
        with path.open("rb") as file:
            beginning = file.read(4_000_000)
        server.add(MODEL, path.name, beginning, size=len(beginning))
        fits = []
        for n_ctx in (512, 4096):
            hub_driver.settings.set(CONTEXT_LENGTH, n_ctx)
            hub.open(MODEL)
            hub_driver.settle()
            fits.append(hub.state.fits[path.name])
        assert [fit.n_ctx for fit in fits] == [512, 4096]
        assert fits[0].words != fits[1].words

    def test_a_damaged_file_is_explained(self, hub: HubControl, hub_driver: HubDriver, server: HubServer) -> None:
        server.add(MODEL, "m-Q4_0.gguf", b"<html>" * 100)
        hub.open(MODEL)
        hub_driver.settle()
        assert hub.state.file_problems["m-Q4_0.gguf"].code is ProblemCode.MODEL_NOT_GGUF
        assert hub.state.refusal is None

    def test_one_that_is_not_there(self, hub: HubControl, hub_driver: HubDriver) -> None:
        hub.open("nobody/nothing")
        hub_driver.settle()
        assert hub.state.page is None and hub.state.page_problem is not None
        assert hub.state.page_problem.code is ProblemCode.HUB_MISSING

    def test_one_that_was_closed_meanwhile_does_not_come_back(
        self, hub: HubControl, hub_driver: HubDriver, server: HubServer, tiny: bytes
    ) -> None:
        server.add(MODEL, "m-Q4_0.gguf", tiny)
        hub.open(MODEL)
        hub.close_page()
        hub_driver.settle()
        assert (hub.state.repository, hub.state.page, hub.state.files) == ("", None, ())


class TestToken:
    @pytest.fixture
    def gated(self, server: HubServer, tiny: bytes) -> str:
        server.add(MODEL, "m-Q4_0.gguf", tiny, gated=True)
        return MODEL

    def test_a_stranger_is_told_and_let_in_with_a_token(
        self, hub: HubControl, hub_driver: HubDriver, server: HubServer, gated: str
    ) -> None:
        hub.open(gated)
        hub_driver.settle()
        assert hub.state.refusal and not hub.state.facts
        assert hub.state.file_problems["m-Q4_0.gguf"].code is ProblemCode.HUB_GATED
        hub.set_token(f" {GRANTED_TOKEN}\n")
        hub_driver.settle()
        assert hub.state.refusal is None and list(hub.state.facts) == ["m-Q4_0.gguf"]
        assert (hub.state.has_token, hub.state.token_place) == (True, TokenPlace.KEYRING)
        assert list(hub_driver.vault.secrets.values()) == [GRANTED_TOKEN]
        assert all("authorization" not in request.headers for request in server.file_requests())

    def test_who_has_not_been_let_in_yet(self, hub: HubControl, hub_driver: HubDriver, gated: str) -> None:
        hub.set_token("hf_other")
        hub.open(gated)
        hub_driver.settle()
        problem = hub.state.file_problems["m-Q4_0.gguf"]
        assert hub.state.refusal and "not been let in yet" in problem.advice

    def test_it_is_found_again_when_the_hub_is_asked(
        self, hub: HubControl, hub_driver: HubDriver, server: HubServer, gated: str
    ) -> None:
        hub.set_token(GRANTED_TOKEN)
        hub_driver.settle()
        again = hub_driver.control()
        assert not again.state.has_token and hub_driver.vault.n_reads == 0
        again.open(gated)
        hub_driver.settle()
        assert again.state.facts and again.state.token_place is TokenPlace.KEYRING
        assert hub_driver.vault.n_reads == 1

    def test_without_a_keyring_it_is_for_this_session(self, hub: HubControl, hub_driver: HubDriver, gated: str) -> None:
        hub_driver.vault.broken = True
        hub.set_token(GRANTED_TOKEN)
        hub.open(gated)
        hub_driver.settle()
        assert hub.state.facts
        assert (hub.state.token_place, hub.state.keeps_tokens) == (TokenPlace.SESSION, False)
        again = hub_driver.control()
        again.open(gated)
        hub_driver.settle()
        assert again.state.refusal and not again.state.has_token

    def test_it_is_forgotten_everywhere(
        self, hub: HubControl, hub_driver: HubDriver, server: HubServer, gated: str
    ) -> None:
        hub.set_token(GRANTED_TOKEN)
        hub_driver.settle()
        hub.forget_token()
        hub_driver.settle()
        assert hub_driver.vault.secrets == {} and not hub.state.has_token
        hub.open(gated)
        hub_driver.settle()
        assert tokens_seen(server) == {""}

    def test_where_the_keyring_does_not_let_go_of_it_that_is_said(self, hub: HubControl, hub_driver: HubDriver) -> None:
        hub.set_token(GRANTED_TOKEN)
        hub_driver.settle()
        hub_driver.vault.broken = True
        hub.forget_token()
        hub_driver.settle()
        assert not hub.state.has_token and hub.state.token_problem is not None

    def test_that_of_the_environment(self, hub_driver: HubDriver, server: HubServer, gated: str) -> None:
        hub = hub_driver.control(HF_TOKEN=GRANTED_TOKEN)
        assert (hub.state.token_place, hub.state.can_forget_token) == (TokenPlace.ENVIRONMENT, False)
        hub.open(gated)
        hub_driver.settle()
        assert hub.state.facts
        hub.set_token("hf_mine")
        hub.open_again()
        hub_driver.settle()
        assert tokens_seen(server) >= {f"Bearer {GRANTED_TOKEN}", "Bearer hf_mine"}
        hub.forget_token()
        hub_driver.settle()
        assert hub.state.token_place is TokenPlace.ENVIRONMENT

    def test_another_hub_is_not_shown_it(self, hub: HubControl, hub_driver: HubDriver) -> None:
        hub.set_token(GRANTED_TOKEN)
        hub_driver.settle()
        with HubServer() as mirror:
            other = hub_driver.control(HF_ENDPOINT=f"{mirror.endpoint}/")
            other.search("small")
            hub_driver.settle()
            assert other.state.problem is None
            assert tokens_seen(mirror) == {""}

    def test_what_is_no_token_is_not_taken(self, hub: HubControl, hub_driver: HubDriver) -> None:
        hub.set_token("hf with spaces")
        hub_driver.settle()
        assert hub.state.token_problem is not None and not hub.state.has_token
        assert hub_driver.vault.secrets == {}
        hub.set_token(GRANTED_TOKEN)
        hub_driver.settle()
        assert hub.state.token_problem is None and hub.state.has_token

    def test_a_private_repository_is_asked_for_again(
        self, hub: HubControl, hub_driver: HubDriver, server: HubServer
    ) -> None:
        server.hub_faults = [Fault(status=401)]
        server.add(MODEL, "m.gguf", b"x")
        hub.open(MODEL)
        hub_driver.settle()
        assert hub.state.page_problem is not None and hub.state.page_problem.code is ProblemCode.HUB_TOKEN
        hub.set_token(GRANTED_TOKEN)
        hub_driver.settle()
        assert hub.state.page is not None and hub.state.page_problem is None


class TestForOthers:
    def test_files_are_of_one_state(self, hub: HubControl, hub_driver: HubDriver, server: HubServer) -> None:
        server.add(MODEL, "m-Q4_0.gguf", b"GGUF")
        (file,) = hub_driver.run(hub.files_of(MODEL))
        assert file.revision == server.commit(MODEL)
        assert hub.url(file, file.parts[0]) == server.url(MODEL, "m-Q4_0.gguf", file.revision)
        (named,) = hub_driver.run(hub.files_of(MODEL, file.revision))
        assert named == file

    def test_files_that_cannot_be_had(self, hub: HubControl, hub_driver: HubDriver) -> None:
        with pytest.raises(ProblemError) as error:
            hub_driver.run(hub.files_of(MODEL))
        assert error.value.problem.code is ProblemCode.HUB_MISSING

    def test_a_gated_file_is_transferred_with_the_token(
        self, hub: HubControl, hub_driver: HubDriver, server: HubServer, tmp_path: Path
    ) -> None:
        content = bytes(range(256)) * 500
        server.add(MODEL, "m-Q4_0.gguf", content, gated=True)
        hub.set_token(GRANTED_TOKEN)
        hub_driver.settle()
        (file,) = hub_driver.run(hub.files_of(MODEL))
        wanted = Wanted(hub.url(file, file.parts[0]), tmp_path / "m.gguf", file.size, file.sha256)

        def work() -> bool:
            return hub.transfer(wanted).run(lambda _: None, threading.Event())

        assert hub_driver.run(hub_driver.tasks.read(work))
        assert (tmp_path / "m.gguf").read_bytes() == content

    def test_its_pages_for_a_browser(self, hub_driver: HubDriver) -> None:
        hub = hub_driver.control(HF_ENDPOINT="https://mirror.invalid/hub/")
        assert hub.link(MODEL) == f"https://mirror.invalid/hub/{MODEL}"
        assert hub.token_link == "https://mirror.invalid/hub/settings/tokens"
        assert hub.state.host == "mirror.invalid"
