"""A hub's refusals in words. What the real one sends is known to us from its documentation and its own client only."""

from __future__ import annotations

import pytest
from urllib3 import HTTPHeaderDict

from llamadesk.core.errors import ProblemCode
from llamadesk.web.refusals import BusyError, refusal, wait_seconds

NOON = 1_767_268_800.0  # Thu, 01 Jan 2026 12:00:00 GMT


@pytest.mark.parametrize(
    ("status", "code", "expected", "words"),
    [
        (401, "GatedRepo", ProblemCode.HUB_GATED, "make an access token"),
        (403, "GatedRepo", ProblemCode.HUB_GATED, "not been let in yet"),
        (401, "RepoNotFound", ProblemCode.HUB_MISSING, "no such model"),
        (404, "RepoNotFound", ProblemCode.HUB_MISSING, "no such model"),
        (404, "EntryNotFound", ProblemCode.HUB_MISSING, "no such model or file"),
        (404, "", ProblemCode.HUB_MISSING, "no such model"),
        (401, "", ProblemCode.HUB_TOKEN, "without a valid access token"),
        (403, "", ProblemCode.NETWORK_FAILED, "not give the answer"),
        (400, "", ProblemCode.NETWORK_FAILED, "not give the answer"),
        (429, "", ProblemCode.HUB_BUSY, "too many requests"),
        (500, "", ProblemCode.HUB_BUSY, "out of order"),
        (503, "", ProblemCode.HUB_BUSY, "out of order"),
    ],
)
def test_each_kind(status: int, code: str, expected: ProblemCode, words: str) -> None:
    error = refusal(status, HTTPHeaderDict({"x-error-code": code, "x-error-message": "why " * 1000}))
    assert error.problem.code is expected
    assert words in error.problem.text
    assert error.problem.advice
    assert f"HTTP {status}" in error.problem.detail
    assert len(error.problem.detail) < 300
    assert isinstance(error, BusyError) == (expected is ProblemCode.HUB_BUSY)


@pytest.mark.parametrize(
    ("headers", "seconds", "words"),
    [
        ({"Retry-After": "30"}, 30.0, "in 1 minute"),
        ({"Retry-After": "100"}, 100.0, "in 2 minutes"),
        ({"Retry-After": "10000"}, 10_000.0, "in 3 hours"),
        ({"Retry-After": "9" * 40}, 86_400.0, "in 24 hours"),
        ({"RateLimit": '"api";r=0;t=55'}, 55.0, "in 1 minute"),
        ({"RateLimit": '"resolvers";r=0; t=299', "Retry-After": "soon"}, 299.0, "in 5 minutes"),
        ({"RateLimit": "none"}, None, "later"),
        ({"Retry-After": "-1"}, None, "later"),
        ({}, None, "later"),
    ],
)
def test_how_long_it_wants_to_be_left_alone(headers: dict[str, str], seconds: float | None, words: str) -> None:
    error = refusal(429, HTTPHeaderDict(headers))
    assert isinstance(error, BusyError)
    assert error.wait_seconds == seconds
    assert words in error.problem.advice


@pytest.mark.parametrize(
    ("date", "seconds"),
    [
        ("Thu, 01 Jan 2026 12:02:00 GMT", 120.0),
        ("Thu, 01 Jan 2026 11:00:00 GMT", 0.0),
        ("Fri, 01 Jan 2027 12:00:00 GMT", 86_400.0),
    ],
)
def test_a_date(date: str, seconds: float) -> None:
    assert wait_seconds({"Retry-After": date}, clock=lambda: NOON) == seconds
