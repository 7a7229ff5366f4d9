"""Frames: what is sent arrives, however the pipe cuts it, and what is not ours is refused."""

import random
import struct

import msgspec
import pytest

from llamadesk.core import protocol
from llamadesk.core.chat import MessageId, Mode, Overflow, ReplyStats, Role
from llamadesk.core.errors import Problem, ProblemCode
from llamadesk.core.protocol import (
    MAX_FRAME_BYTES,
    Adapter,
    Cancel,
    Configure,
    CountTokens,
    Delta,
    Device,
    DeviceKind,
    DeviceMemory,
    Dropped,
    Estimate,
    Estimated,
    Failed,
    Finished,
    FinishReason,
    Forget,
    Generate,
    Hello,
    KvType,
    Load,
    Loaded,
    LoadedModel,
    LoadProgress,
    LoadSettings,
    Measure,
    Measured,
    Prepare,
    Prepared,
    Prompt,
    PromptPiece,
    PromptProgress,
    PromptShown,
    ProtocolError,
    Sampling,
    ShowPrompt,
    Shutdown,
    TokenCount,
    Trial,
    Tune,
    Tuned,
    TuneProgress,
    Turn,
    Unload,
    Unloaded,
    encode,
    event_decoder,
    framing,
    request_decoder,
)

REQUESTS = [
    Load(1, LoadSettings("/a/모델.gguf", n_ctx=512, n_gpu_layers=-1, kv_type=KvType.Q8_0)),
    Unload(2),
    Generate(3, Prompt([Turn(Role.SYSTEM, "be brief"), Turn(Role.USER, "hi 🙂\n\0")]), Sampling(seed=7), 10, ["</s>"]),
    CountTokens(4, ""),
    Prepare(5, Prompt([], Mode.TEXT, Overflow.ROLL, continues=True, chat="7"), "to be or n"),
    Tune(6),
    Measure(7, Prompt([]), "draft", "/a.gguf", 512),
    ShowPrompt(8, Prompt([Turn(Role.USER, "hi", MessageId(3), pinned=True)])),
    Estimate(9, LoadSettings("/a.gguf", adapters=(Adapter("/b.gguf", 0.5),), tensor_split=(3, 1), baseline_cpu=True)),
    Forget(["1", "2"]),
    Configure("/snapshots", 2**30, 2**33),
    Cancel(3),
    Shutdown(),
]
EVENTS = [
    Hello(1, 42, "b1", [Device("CPU", "a processor", DeviceKind.CPU, 1, 2**40)], ["AVX2"]),
    LoadProgress(1, 0.5),
    Loaded(1, LoadedModel("a", "/a", "llama 135M", 30, 512, 2048, 0, 135_000_000, 98_000_000, "file"), 1.25),
    Unloaded(2),
    PromptProgress(3, 10, 20, 5),
    Dropped(3, [MessageId(1), MessageId(2)]),
    Delta(3, "é漢🙂", 2, 30, "hm"),
    Finished(3, FinishReason.CANCELLED, ReplyStats(1, 2, 3, 0.5, 0.25), 33, 512),
    TokenCount(4, 0),
    Prepared(5, 10, 20, 30, whole=True),
    TuneProgress(6, 0.5),
    Tuned(6, [Trial(2, 128, True, KvType.F16, 90.0, 20.0, 15.5, 2048)], whole=False),
    Measured(7, 1, 2, 3, 512, [MessageId(9)]),
    PromptShown(8, [PromptPiece("<s>", is_control=True, n_tokens=1)]),
    Estimated(9, [DeviceMemory("", 1, 2, 3)]),
    Failed(5, Problem(ProblemCode.PROMPT_TOO_LONG, "Too long.", "Make it shorter.", "600 > 512")),
]


def test_every_message_is_here():
    """So that a new one cannot be forgotten in these tests."""
    assert {type(message) for message in REQUESTS} == set(protocol.Request.__args__)
    assert {type(message) for message in EVENTS} == set(protocol.Event.__args__)


@pytest.mark.parametrize(("messages", "decoder"), [(REQUESTS, request_decoder), (EVENTS, event_decoder)])
def test_all_at_once(messages, decoder):
    assert decoder().feed(b"".join(map(encode, messages))) == messages


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(("messages", "decoder"), [(REQUESTS, request_decoder), (EVENTS, event_decoder)])
def test_cut_anywhere(messages, decoder, seed):
    rng = random.Random(seed)
    data = b"".join(map(encode, messages))
    reader = decoder()
    found = []
    start = 0
    while start < len(data):
        end = start + rng.choice([1, 2, 3, 7, 50])
        found += reader.feed(data[start:end])
        start = end
    assert found == messages


def test_nothing_comes_of_half_a_frame():
    reader = event_decoder()
    frame = encode(EVENTS[0])
    assert reader.feed(frame[:-1]) == []
    assert reader.feed(b"") == []
    assert reader.feed(frame[-1:]) == [EVENTS[0]]


def test_a_megabyte_of_text():
    delta = Delta(1, "x" * 1_000_000, 1, 1)
    reader = event_decoder()
    data = encode(delta)
    found = [event for start in range(0, len(data), 65536) for event in reader.feed(data[start : start + 65536])]
    assert found == [delta]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'{"type":"Nothing"}',
        b'{"type":"Delta"}',
        b'{"type":"Delta","id":"x","text":"","n_tokens":1,"n_past":1}',
        b'{"type":"Delta","id":1,"text":"\xff\xfe","n_tokens":1,"n_past":1}',
        b"\x00" * 40,
        b'{"type":"Load","id":1,"settings":{"model_path":"/a"}}',  # a request is no event
    ],
)
def test_what_is_no_event_is_refused(body):
    with pytest.raises(ProtocolError):
        event_decoder().feed(struct.pack("<I", len(body)) + body)


def test_a_frame_that_is_too_long_is_refused_before_it_comes():
    with pytest.raises(ProtocolError):
        event_decoder().feed(struct.pack("<I", MAX_FRAME_BYTES + 1))


def test_text_that_is_no_frame_is_refused():
    with pytest.raises(ProtocolError):
        event_decoder().feed(b"llama_model_load: error loading model")


def test_too_long_a_message_is_not_sent(monkeypatch):
    monkeypatch.setattr(framing, "MAX_FRAME_BYTES", 1000)
    with pytest.raises(ProtocolError):
        encode(CountTokens(1, "x" * 1000))


def test_garbage_never_ends_in_another_error():
    rng = random.Random(5)
    for _ in range(300):
        data = bytearray(b"".join(map(encode, EVENTS)))
        for _ in range(rng.randint(1, 5)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            found = event_decoder().feed(bytes(data))
        except ProtocolError:
            continue
        assert all(isinstance(event, protocol.Event) for event in found)


def test_what_a_newer_side_adds_is_ignored():
    body = msgspec.json.encode({"type": "Unloaded", "id": 1, "new": True})
    assert event_decoder().feed(struct.pack("<I", len(body)) + body) == [Unloaded(1)]
