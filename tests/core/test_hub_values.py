"""What is made of a hub's words: addresses, quantizations, and whether files fit, before they are here."""

from __future__ import annotations

import msgspec
import pytest

from llamadesk.core.choosing import Machine, usual_memory
from llamadesk.core.fit import Verdict
from llamadesk.core.hub import (
    HubFile,
    HubFileKind,
    HubModel,
    HubModelPage,
    HubPart,
    endpoint_of,
    file_url,
    host_of,
    repository_in,
)
from llamadesk.core.hub_fit import first_to_look_into, fits_of, in_order, quality_of_file, quantization_of
from llamadesk.core.hub_words import count_text, facts_line, licence_of_page, origin_line, spoken, title_of
from llamadesk.core.models import ModelFacts
from llamadesk.core.protocol import Device, DeviceKind

GB = 1_000_000_000
MACHINE = Machine(usual_memory(16 * GB))
FACTS = ModelFacts(
    architecture="llama",
    name="Seven",
    quantization="Q4_K_M",
    n_layers=32,
    n_ctx_train=4096,
    n_embd=4096,
    n_head=32,
    n_head_kv=32,
    d_head_k=128,
    d_head_v=128,
    n_vocab=32000,
    n_params=6_700_000_000,
    tensor_bytes=4 * GB,
    repeating_bytes=3_800_000_000,
    output_bytes=100_000_000,
    has_chat_template=True,
    n_ff=11008,
)


def file(path: str, size: int = 4 * GB, kind: HubFileKind = HubFileKind.MODEL, n_parts: int = 1) -> HubFile:
    return HubFile("a/b", "main", path, (HubPart(path, size, ""),), n_parts, kind)


@pytest.mark.parametrize(
    ("text", "repository"),
    [
        ("https://huggingface.co/TheBloke/Llama-2-7B-Chat-GGUF", "TheBloke/Llama-2-7B-Chat-GGUF"),
        ("  https://mirror.invalid/a/b/tree/main?x=1#y ", "a/b"),
        ("http://127.0.0.1:8000/a/b/", "a/b"),
        ("a/b", ""),
        ("llama 2 chat", ""),
        ("https://huggingface.co/", ""),
        ("https://huggingface.co/a", ""),
        ("https://huggingface.co/a/..", ""),
        ("ftp://huggingface.co/a/b", ""),
        ("https://[/a/b", ""),
        ("file:///etc/passwd", ""),
    ],
)
def test_a_pasted_address(text: str, repository: str) -> None:
    assert repository_in(text) == repository


def test_which_hub() -> None:
    assert endpoint_of({}) == "https://huggingface.co"
    assert endpoint_of({"HF_ENDPOINT": " https://mirror.invalid/ "}) == "https://mirror.invalid"
    assert host_of("https://name:password@mirror.invalid:8080/x") == "mirror.invalid:8080"
    assert host_of("nonsense") == "nonsense"


def test_where_a_file_is_asked_for() -> None:
    assert file_url("https://h", file("a b/é.gguf"), HubPart("a b/é.gguf", 1, "")) == (
        "https://h/a/b/resolve/main/a%20b/%C3%A9.gguf"
    )


@pytest.mark.parametrize(
    ("path", "quantization", "quality"),
    [
        ("Llama-2-7B.Q4_K_M.gguf", "Q4_K_M", "good"),
        ("llama-2-7b-chat.q4_0.gguf", "Q4_0", "good"),
        ("Q8_0/m-Q8_0-00001-of-00003.gguf", "Q8_0", "original"),
        ("m-UD-Q4_K_XL.gguf", "UD-Q4_K_XL", "good"),
        ("m-Q3_K_L.gguf", "Q3_K_L", "weaker"),
        ("m-Q6_K_L.gguf", "Q6_K_L", "nearly"),
        ("m.i1-IQ2_XXS.gguf", "I1-IQ2_XXS", "last resort"),
        ("m-fp16.gguf", "F16", "original"),
        ("m-BF16.gguf", "BF16", "original"),
        ("ggml-model.gguf", "", ""),
    ],
)
def test_what_a_name_says_of_the_quantization(path: str, quantization: str, quality: str) -> None:
    assert quantization_of(file(path)) == quantization
    words = quality_of_file(file(path))
    assert quality in words and bool(words) == bool(quality)


def test_the_header_says_it_where_the_name_does_not() -> None:
    assert quantization_of(file("model.gguf"), FACTS) == "Q4_K_M"
    assert "good" in quality_of_file(file("model.gguf"), FACTS)


class TestFits:
    def test_by_its_own_header(self) -> None:
        fit = fits_of([file("m-Q4_K_M.gguf")], {"m-Q4_K_M.gguf": FACTS}, MACHINE)["m-Q4_K_M.gguf"]
        assert fit.verdict is Verdict.COMFORTABLE
        assert fit.words.startswith("Fits comfortably: about 6") and fit.words.endswith(" GB of main memory.")
        assert fit.n_ctx == 4096

    def test_by_that_of_another_quantization(self) -> None:
        files = [file("m-Q2_K.gguf", 2 * GB), file("m-Q4_K_M.gguf"), file("m-F16.gguf", 15 * GB)]
        fits = fits_of(files, {"m-Q4_K_M.gguf": FACTS}, MACHINE)
        assert [fits[each.path].verdict for each in files] == [
            Verdict.COMFORTABLE,
            Verdict.COMFORTABLE,
            Verdict.TOO_BIG,
        ]
        assert len({fit.words for fit in fits.values()}) == 3

    def test_another_model_says_nothing_of_it(self) -> None:
        fits = fits_of([file("big-Q4_0.gguf")], {"small-Q4_0.gguf": FACTS}, MACHINE)
        assert fits["big-Q4_0.gguf"].verdict is None
        other = [file("small-Q4_0.gguf"), file("big-Q4_0.gguf")]
        assert fits_of(other, {"small-Q4_0.gguf": FACTS}, MACHINE)["big-Q4_0.gguf"].verdict is None

    def test_by_its_size_alone(self) -> None:
        fit = fits_of([file("m-F16.gguf", 17 * GB)], {}, MACHINE)["m-F16.gguf"]
        assert fit.verdict is Verdict.TOO_BIG and "16.0 GB" in fit.words
        card = Device("GPU0", "A card", DeviceKind.GPU, 24 * GB, 24 * GB)
        with_card = Machine(usual_memory(16 * GB, [card]))
        assert fits_of([file("m-F16.gguf", 17 * GB)], {}, with_card)["m-F16.gguf"].verdict is None

    def test_a_longer_context_needs_more(self) -> None:
        files, facts = [file("m-Q4_K_M.gguf")], {"m-Q4_K_M.gguf": msgspec.structs.replace(FACTS, n_ctx_train=131072)}
        fits = [fits_of(files, facts, MACHINE, n_ctx)["m-Q4_K_M.gguf"] for n_ctx in (2048, 131072)]
        assert [fit.verdict for fit in fits] == [Verdict.COMFORTABLE, Verdict.TOO_BIG]
        assert [fit.n_ctx for fit in fits] == [2048, 131072]

    def test_one_is_recommended_where_there_is_one_model(self) -> None:
        sizes = {"Q2_K": 2 * GB, "Q4_K_M": 4 * GB, "UD-Q4_K_XL": 4 * GB + 1, "Q6_K": 5 * GB, "F16": 15 * GB}
        files = [file(f"m-{name}.gguf", size) for name, size in sizes.items()]
        facts = {"m-Q4_K_M.gguf": FACTS}

        def recommended(files: list[HubFile]) -> list[str]:
            return [path for path, fit in fits_of(files, facts, MACHINE).items() if fit.is_recommended]

        (path,) = recommended(files)
        assert path not in ("m-Q2_K.gguf", "m-F16.gguf")  # too much is lost; too big
        assert recommended([*files, file("mmproj.gguf", kind=HubFileKind.PROJECTOR)]) == [path]
        assert recommended([*files, file("another-Q4_0.gguf")]) == []
        assert fits_of(files, {}, MACHINE)[path].is_recommended is False

    def test_a_graphics_card_is_told(self) -> None:
        card = Device("GPU0", "A card", DeviceKind.GPU, 24 * GB, 24 * GB)
        machine = Machine(usual_memory(16 * GB, [card]))
        words = fits_of([file("m-Q4_K_M.gguf")], {"m-Q4_K_M.gguf": FACTS}, machine)["m-Q4_K_M.gguf"].words
        assert words.endswith("GB on the graphics card.")

    def test_what_is_no_model(self) -> None:
        files = [file("mmproj.gguf", kind=HubFileKind.PROJECTOR), file("m.imatrix.gguf", kind=HubFileKind.IMPORTANCE)]
        assert [fit.verdict for fit in fits_of(files, {}, MACHINE).values()] == [None, None]


def test_what_is_looked_into_first() -> None:
    files = [
        file("a-Q2_K.gguf"),
        file("a-Q8_0.gguf"),
        file("a-Q4_K_M.gguf"),
        file("b-IQ1_S.gguf"),
        file("huge-Q4_0.gguf", 500 * GB),
        file("set-Q4_0-00001-of-00002.gguf", n_parts=2),
        file("mmproj-a.gguf", kind=HubFileKind.PROJECTOR),
    ]
    assert [each.path for each in first_to_look_into(files, MACHINE)] == ["a-Q4_K_M.gguf", "b-IQ1_S.gguf"]
    many = [file(f"model{letter}-Q4_0.gguf") for letter in "abcdefgh"]
    assert len(first_to_look_into(many, MACHINE)) == 3


def test_the_order_of_the_table() -> None:
    files = [file("mmproj.gguf", 1, HubFileKind.PROJECTOR), file("b.gguf", 9), file("a.gguf", 5)]
    assert [each.path for each in in_order(files)] == ["a.gguf", "b.gguf", "mmproj.gguf"]


def test_a_model_in_words() -> None:
    model = HubModel("TheBloke/Llama-2-7B-GGUF", 41_234, 3, "", True, "llama2", "llama", 6_700_000_000, 4096)
    assert origin_line(model) == "by TheBloke  ·  41 thousand downloads a month"
    assert facts_line(model) == "6.7 billion parameters  ·  Llama 2 Community License"
    assert spoken(model) == (
        "Llama-2-7B-GGUF by TheBloke, 41 thousand downloads a month, 6.7 billion parameters, Llama 2 Community "
        "License, its publisher asks who downloads it"
    )
    bare = HubModel("a/b", 1, 0, "", False, "", "", 0, 0)
    assert (origin_line(bare), facts_line(bare)) == ("by a  ·  1 download a month", "no licence named")
    page = HubModelPage(msgspec.structs.replace(bare, licence="other"), "", "our-terms", "", (), ())
    assert licence_of_page(page) == "our-terms"
    assert [count_text(number) for number in (0, 9_999, 10_000, 999_499, 1_250_000)] == [
        "0",
        "9,999",
        "10 thousand",
        "999 thousand",
        "1.2 million",
    ]


def test_what_a_download_is_called() -> None:
    assert title_of("TheBloke/Llama-2-7B-Chat-GGUF", "Q4_K_M") == "Llama 2 7B Chat Q4_K_M"
    assert title_of("a/gguf", "") == "gguf"
