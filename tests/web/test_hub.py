"""Search, a model's page, its files and their headers, from a hub that answers as the real one does: to our knowledge
from its documentation and its own client's source only, it was never compared with it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import gguf_files
import pytest
from hub_server import GRANTED_TOKEN, Fault, HubServer, Misbehaviour
from model_trees import write_set
from small_server import says

from llamadesk.core.errors import ProblemCode, ProblemError
from llamadesk.core.gguf import facts_of
from llamadesk.core.gguf_header import read_header
from llamadesk.core.gguf_sets import read_whole_header
from llamadesk.core.hub import HubFile, HubFileKind, HubModel, HubPart
from llamadesk.web.connection import Connection, ConnectionLostError
from llamadesk.web.hub import Hub
from llamadesk.web.refusals import BusyError

MODEL = "someone/Small-7B-GGUF"


@pytest.fixture
def client(hub: HubServer, connection: Connection) -> Hub:
    """As somebody without an account."""
    return Hub(connection)


@pytest.fixture
def member(hub: HubServer) -> Iterator[Hub]:
    """As somebody who was let in."""
    with Connection(hub.endpoint, GRANTED_TOKEN) as connection:
        yield Hub(connection)


def says_json(value: object, **headers: str) -> Misbehaviour:
    """An answer of another hub's making."""

    def answer(request: BaseHTTPRequestHandler, _: bytes) -> None:
        says(json.dumps(value).encode(), 200, **headers)(request)

    return answer


class TestSearch:
    def test_what_a_search_finds(self, hub: HubServer, client: Hub) -> None:
        hub.add("a/Small-GGUF", "a.gguf", b"GGUF")
        hub.add("b/Small-GGUF", "b.gguf", b"GGUF", gated=True)
        hub.add("c/Small", "model.safetensors", b"")
        hub.add("d/Large-GGUF", "d.gguf", b"GGUF")
        hub.describe("a/Small-GGUF", downloads=5, likes=2, tags=["gguf", "license:apache-2.0", "en"])
        hub.describe("b/Small-GGUF", downloads=7, gguf={"total": 7_000_000_000, "architecture": "llama"})
        assert client.search(" small ") == [
            HubModel("b/Small-GGUF", 7, 0, "2026-01-02T03:04:05.000Z", True, "", "llama", 7_000_000_000, 0),
            HubModel("a/Small-GGUF", 5, 2, "2026-01-02T03:04:05.000Z", False, "apache-2.0", "", 0, 0),
        ]

    def test_what_is_asked(self, hub: HubServer, client: Hub) -> None:
        assert client.search("Räuber & Co", limit=7) == []
        query = parse_qs(urlsplit(hub.requests[0].path).query)
        assert query["search"] == ["Räuber & Co"]
        assert (query["filter"], query["limit"]) == (["gguf"], ["7"])
        assert {"gated", "downloads"} <= set(query["expand"])

    def test_no_more_than_was_wanted(self, hub: HubServer, client: Hub) -> None:
        hub.hub_faults = [says_json([{"id": f"a/m{number}"} for number in range(9)])]
        assert [model.repository for model in client.search("m", limit=2)] == ["a/m0", "a/m1"]

    def test_a_name_that_could_lead_elsewhere_is_left_out(self, hub: HubServer, client: Hub) -> None:
        hub.hub_faults = [says_json([{"id": name} for name in ("../x", "a/b/c", "a/b?c", "a/b#", "a/..", "good/one")])]
        assert [model.repository for model in client.search("")] == ["good/one"]

    def test_a_mirror_that_says_little(self, hub: HubServer, client: Hub) -> None:
        hub.hub_faults = [says_json([{"id": "a/b", "gguf": None, "lastModified": None, "gated": "auto"}])]
        assert client.search("") == [HubModel("a/b", 0, 0, "", True, "", "", 0, 0)]


class TestPage:
    def test_what_a_page_says(self, hub: HubServer, client: Hub) -> None:
        hub.add(MODEL, "a.gguf", b"GGUF", gated=True)
        hub.describe(
            MODEL,
            downloads=9,
            tags=["gguf", "license:other"],
            gguf={"total": 42, "architecture": "llama", "context_length": 4096, "chat_template": "{{ x }}"},
            cardData={
                "license": "other",
                "license_name": "llama2",
                "license_link": "LICENSE.txt",
                "language": ["en", "de"],
                "base_model": "someone/Small-7B",
            },
        )
        page = client.model(MODEL)
        assert page.model == HubModel(MODEL, 9, 0, "2026-01-02T03:04:05.000Z", True, "other", "llama", 42, 4096)
        assert page.commit == hub.commit(MODEL)
        assert (page.licence_name, page.licence_url) == ("llama2", "LICENSE.txt")
        assert (page.languages, page.base_models) == (("en", "de"), ("someone/Small-7B",))

    def test_a_card_of_its_own_making(self, hub: HubServer, client: Hub) -> None:
        hub.add(MODEL, "a.gguf", b"GGUF")
        hub.describe(MODEL, cardData={"license": ["mit", "apache-2.0"], "language": False, "base_model": [1, "x/y"]})
        page = client.model(MODEL)
        assert (page.model.licence, page.languages, page.base_models) == ("mit", (), ("x/y",))

    @pytest.mark.parametrize("name", ["model", "a/b/c", "../../etc", "a/..", "a b/c", "a/b?x=1", "", "ä/b", "a/b\n"])
    def test_a_name_that_is_none_is_not_asked_for(self, hub: HubServer, client: Hub, name: str) -> None:
        with pytest.raises(ProblemError, match="publisher/model"):
            client.model(name)
        with pytest.raises(ProblemError, match="publisher/model"):
            client.files(name)
        assert hub.requests == []

    def test_one_that_is_not_there(self, client: Hub, member: Hub) -> None:
        for hub in (client, member):
            with pytest.raises(ProblemError) as error:
                hub.model(MODEL)
            assert error.value.problem.code is ProblemCode.HUB_MISSING

    def test_a_hub_that_is_busy(self, hub: HubServer, client: Hub) -> None:
        hub.hub_faults = [Fault(status=429, rate_limit='"api";r=0;t=55'), Fault(status=503, retry_after="120")]
        waits = []
        for _ in range(2):
            with pytest.raises(BusyError) as error:
                client.model(MODEL)
            waits.append(error.value.wait_seconds)
        assert waits == [55, 120]

    @pytest.mark.parametrize("answer", [b"<html>", b"[]", b'{"id": 5}', b"\xff\xfe", b"", b'{"id": "a/b", "tags": 1}'])
    def test_what_is_not_understood(self, hub: HubServer, client: Hub, answer: bytes) -> None:
        hub.hub_faults = [lambda request, _: says(answer)(request)]
        with pytest.raises(ProblemError, match="does not understand"):
            client.model(MODEL)

    def test_an_answer_without_an_end(self, hub: HubServer, client: Hub) -> None:
        def pour(request: BaseHTTPRequestHandler, _: bytes) -> None:
            request.send_response(200)
            request.send_header("Connection", "close")
            request.end_headers()
            while not hub.released.is_set():
                request.wfile.write(b" " * 100_000)

        hub.hub_faults = [pour]
        with pytest.raises(ProblemError, match="far too long"):
            client.model(MODEL)

    def test_nobody_there(self) -> None:
        with Connection("http://127.0.0.1:9") as connection, pytest.raises(ConnectionLostError):
            Hub(connection).model(MODEL)

    def test_another_hub_than_the_connections(self, hub: HubServer) -> None:
        hub.add(MODEL, "a.gguf", b"GGUF")
        with Connection("https://hub.invalid", "hf_secret") as connection:
            assert Hub(connection, f"{hub.endpoint}/").model(MODEL).model.repository == MODEL
        assert "authorization" not in hub.requests[0].headers


class TestFiles:
    def test_large_and_small_ones(self, hub: HubServer, client: Hub) -> None:
        hub.add(MODEL, "b-Q8_0.gguf", b"GGUF8")
        hub.add(MODEL, "sub/a-Q4_0.GGUF", b"GGUF", lfs=False)
        hub.add(MODEL, "README.md", b"#", lfs=False)
        large, small = client.files(MODEL)
        (part,) = large.parts
        assert (large.path, large.size, large.n_parts, large.is_complete) == ("b-Q8_0.gguf", 5, 1, True)
        assert large.sha256 == part.sha256 == hashlib.sha256(b"GGUF8").hexdigest()
        assert (small.path, small.size, small.sha256) == ("sub/a-Q4_0.GGUF", 4, "")

    def test_parts_are_one_file(self, hub: HubServer, client: Hub) -> None:
        for number in (3, 1, 2):
            hub.add(MODEL, f"Q8_0/m-Q8_0-0000{number}-of-00003.gguf", b"x" * number)
        hub.add(MODEL, "m-Q4_0-00001-of-00001.gguf", b"GGUF")
        split, single = client.files(MODEL)
        assert [part.path[-18:-14] for part in split.parts] == ["0001", "0002", "0003"]
        assert (split.size, split.n_parts, split.is_complete, split.sha256) == (6, 3, True, "")
        assert split.path == split.parts[0].path
        assert (single.n_parts, single.is_complete, len(single.sha256)) == (1, True, 64)

    def test_a_set_that_misses_a_part(self, hub: HubServer, client: Hub) -> None:
        hub.add(MODEL, "m-00002-of-00003.gguf", b"x")
        (split,) = client.files(MODEL)
        assert (split.n_parts, len(split.parts), split.is_complete) == (3, 1, False)
        with pytest.raises(ProblemError, match="Only 1 of the 3 parts"):
            client.gguf_header(split)

    def test_a_path_that_is_listed_twice(self, hub: HubServer, client: Hub) -> None:
        node = {"type": "file", "path": "m-00001-of-00002.gguf", "size": 1}
        hub.hub_faults = [says_json([node, node])]
        (split,) = client.files(MODEL)
        assert (len(split.parts), split.is_complete) == (1, False)

    @pytest.mark.parametrize("name", ["m-00004-of-00003.gguf", "m-00000-of-00003.gguf", "m-00001-of-99999.gguf"])
    def test_names_that_only_look_like_parts(self, hub: HubServer, client: Hub, name: str) -> None:
        hub.add(MODEL, name, b"x")
        (file,) = client.files(MODEL)
        assert (file.path, file.n_parts, file.is_complete) == (name, 1, True)

    @pytest.mark.parametrize(
        ("name", "kind"),
        [
            ("mmproj-model-f16.gguf", HubFileKind.PROJECTOR),
            ("Model.mmproj-Q8_0.gguf", HubFileKind.PROJECTOR),
            ("imatrix.gguf", HubFileKind.IMPORTANCE),
            ("Model-7B-imatrix.gguf", HubFileKind.IMPORTANCE),
            ("Model-7B-Q4_K_M-imatrix.gguf", HubFileKind.MODEL),
            ("Model-7B.IQ4_XS.gguf", HubFileKind.MODEL),
        ],
    )
    def test_what_is_no_model_to_chat_with(self, hub: HubServer, client: Hub, name: str, kind: HubFileKind) -> None:
        hub.add(MODEL, name, b"x")
        assert [file.kind for file in client.files(MODEL)] == [kind]

    def test_a_list_of_several_pages(self, hub: HubServer, client: Hub) -> None:
        for number in range(7):
            hub.add(MODEL, f"m{number}.gguf", b"x")
        hub.page_size = 3
        assert [file.path for file in client.files(MODEL)] == [f"m{number}.gguf" for number in range(7)]
        assert len(hub.requests) == 3

    def test_a_mirror_passes_on_the_public_hubs_address(self, hub: HubServer, client: Hub) -> None:
        hub.add(MODEL, "b.gguf", b"x")
        page = [{"type": "file", "path": "a.gguf", "size": 1}]
        link = '<https://hub.invalid/api/models/x/y/tree/main?recursive=true&cursor=0>; rel="next"'
        hub.hub_faults = [says_json(page, Link=link)]
        assert [file.path for file in client.files(MODEL)] == ["a.gguf", "b.gguf"]

    def test_pages_without_an_end(self, hub: HubServer, client: Hub) -> None:
        endless = says_json([], Link='<https://hub.invalid/?cursor=again>; rel="next"')
        hub.hub_faults = [endless] * 1000
        with pytest.raises(ProblemError, match="too many files"):
            client.files(MODEL)

    def test_a_mirrors_way_with_hashes_and_sizes(self, hub: HubServer, client: Hub) -> None:
        digest = "AB" * 32
        hub.hub_faults = [
            says_json(
                [
                    {"type": "file", "path": "a.gguf", "size": 135, "lfs": {"oid": f"sha256:{digest}", "size": 7}},
                    {"type": "file", "path": "b.gguf", "size": -5, "lfs": {"oid": "nonsense", "size": None}},
                    {"type": "directory", "path": "c.gguf", "size": 0, "oid": "x"},
                ]
            )
        ]
        assert [file.parts[0] for file in client.files(MODEL)] == [
            HubPart("a.gguf", 7, digest.lower()),
            HubPart("b.gguf", 0, ""),
        ]

    @pytest.mark.parametrize(
        "path",
        ["../a.gguf", "/etc/a.gguf", "x/../../a.gguf", "C:\\a.gguf", "x\\a.gguf", "a\n.gguf", "x//a.gguf", "a:b.gguf"],
    )
    def test_a_path_that_could_lead_elsewhere_is_left_out(self, hub: HubServer, client: Hub, path: str) -> None:
        hub.hub_faults = [says_json([{"type": "file", "path": path, "size": 1}])]
        assert client.files(MODEL) == []

    def test_a_state_by_its_name_and_one_that_is_gone(self, hub: HubServer, client: Hub) -> None:
        hub.add(MODEL, "a.gguf", b"x")
        commit = client.model(MODEL).commit
        assert [file.revision for file in client.files(MODEL, commit)] == [commit]
        hub.add(MODEL, "a.gguf", b"y")
        with pytest.raises(ProblemError) as error:
            client.files(MODEL, commit)
        assert error.value.problem.code is ProblemCode.HUB_MISSING

    def test_its_address_is_quoted(self, hub: HubServer, client: Hub) -> None:
        hub.add(MODEL, "a dir/é #1%.gguf", b"GGUF")
        (file,) = client.files(MODEL)
        address = client.url(file, file.parts[0])
        assert address == f"{hub.endpoint}/{MODEL}/resolve/main/a%20dir/%C3%A9%20%231%25.gguf"


class TestHeader:
    @pytest.fixture
    def large(self, tmp_path: Path) -> Path:
        """Of a few megabytes, with a vocabulary that takes several requests."""
        return gguf_files.Shape(n_vocab=60_000).write(tmp_path / "large.gguf")

    def remote(self, hub: HubServer, client: Hub, path: Path, gated: bool = False) -> HubFile:
        hub.add(MODEL, path.name, path.read_bytes(), gated=gated)
        (file,) = client.files(MODEL)
        return file

    def test_it_is_what_the_file_says(self, hub: HubServer, client: Hub, large: Path) -> None:
        header = client.gguf_header(self.remote(hub, client, large))
        assert header == read_header(large)
        assert facts_of(header).n_ctx_train == 512

    def test_little_is_fetched(self, hub: HubServer, client: Hub, tmp_path: Path) -> None:
        file = self.remote(hub, client, gguf_files.Shape(n_embd=1024, n_ff=2048).write(tmp_path / "m.gguf"))
        assert file.size > 10_000_000
        client.gguf_header(file)
        (request,) = hub.file_requests()
        assert request.headers["range"] == "bytes=0-524287"

    def test_a_cut_or_hostile_file_is_refused(self, hub: HubServer, client: Hub, large: Path) -> None:
        for content in (large.read_bytes()[:100_000], b"GGUF\3\0\0\0" + b"\xff" * 16, b"<html>" * 100, b"GGML" * 100):
            hub.add(MODEL, large.name, content)
            (file,) = client.files(MODEL)
            with pytest.raises(ProblemError) as error:
                client.gguf_header(file)
            assert error.value.problem.code.startswith("model_")

    def test_of_parts_all_tensors_are_told(self, hub: HubServer, client: Hub, tmp_path: Path) -> None:
        parts = write_set(tmp_path, "m", 3)
        for part in parts:
            hub.add(MODEL, part.name, part.read_bytes())
        (file,) = client.files(MODEL)
        assert client.gguf_header(file) == read_whole_header(parts[0])

    def test_parts_that_do_not_belong_together(self, hub: HubServer, client: Hub, large: Path) -> None:
        hub.add(MODEL, "m-00001-of-00002.gguf", large.read_bytes())
        hub.add(MODEL, "m-00002-of-00002.gguf", large.read_bytes())
        (file,) = client.files(MODEL)
        with pytest.raises(ProblemError, match="do not belong together"):
            client.gguf_header(file)

    def test_a_gated_one(self, hub: HubServer, client: Hub, member: Hub, large: Path) -> None:
        file = self.remote(hub, client, large, gated=True)
        with pytest.raises(ProblemError) as error:
            client.gguf_header(file)
        assert error.value.problem.code is ProblemCode.HUB_GATED
        assert member.gguf_header(file) == read_header(large)

    @pytest.mark.parametrize("fault", [Fault(cut_after=1000), Fault(status=403), Fault(ignore_range=True)], ids=str)
    def test_trouble_on_the_way(self, hub: HubServer, client: Hub, large: Path, fault: Fault) -> None:
        file = self.remote(hub, client, large)
        hub.faults = [fault]
        with pytest.raises(ProblemError) as error:
            client.gguf_header(file)
        assert error.value.problem.code is ProblemCode.NETWORK_FAILED
