"""Speed, limit and patience, by a clock that the test turns."""

from __future__ import annotations

import pytest

from llamadesk.core.errors import Problem, ProblemCode, ProblemError
from llamadesk.web.transfer_pace import MOST_TRIES, MOST_WRONG_ANSWERS, Brake, Patience, Speed, TryAgainError

TOLD = ProblemError(Problem(ProblemCode.NETWORK_FAILED, "The connection was lost."))


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def waits(patience: Patience, failure: TryAgainError, position: int = 0) -> list[float]:
    """Until it is given up."""
    seconds = []
    with pytest.raises(ProblemError) as error:
        while True:
            seconds.append(patience.wait_after(failure, position))
    assert error.value is TOLD
    return seconds


def test_patience_ends() -> None:
    assert waits(Patience(), TryAgainError(TOLD)) == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert len(waits(Patience(), TryAgainError(TOLD))) == MOST_TRIES - 1
    assert len(waits(Patience(), TryAgainError(TOLD, wrong=True))) == MOST_WRONG_ANSWERS - 1


def test_what_comes_anew_gives_new_patience_and_what_comes_again_does_not() -> None:
    patience = Patience()
    for position in range(1, 50):
        assert patience.wait_after(TryAgainError(TOLD), position) == 1
    assert len(waits(patience, TryAgainError(TOLD), position=20)) == MOST_TRIES - 2


def test_a_server_that_wants_to_be_left_alone() -> None:
    assert Patience().wait_after(TryAgainError(TOLD, wait_seconds=300), 0) == 300
    assert waits(Patience(), TryAgainError(TOLD, wait_seconds=3600)) == []


def test_speed_is_that_of_the_last_seconds() -> None:
    clock = Clock()
    speed = Speed(clock)
    assert speed.per_second() == 0
    for _ in range(100):
        clock.now += 0.1
        speed.count(1000)
    assert speed.per_second() == pytest.approx(10_000)
    for _ in range(100):
        clock.now += 0.1
        speed.count(50)
    assert speed.per_second() == pytest.approx(500)
    clock.now += 3600
    speed.start()
    clock.now += 1
    speed.count(7)
    assert speed.per_second() == pytest.approx(7)


def test_without_a_limit_nothing_is_held_back() -> None:
    assert Brake(0, Clock()).wait_after(10**12) == 0


def test_a_limit_holds_back_and_saves_nothing_up() -> None:
    clock = Clock()
    brake = Brake(1000, clock)
    assert brake.wait_after(500) == pytest.approx(0.5)
    assert brake.wait_after(500) == pytest.approx(1.0)
    clock.now += 3600
    assert brake.wait_after(500) == pytest.approx(0.5)


@pytest.mark.parametrize("limit", [1, 50_000, 10**9])
def test_reads_are_small_where_the_limit_is(limit: int) -> None:
    assert 4096 <= Brake(limit, Clock()).read_bytes <= max(4096, limit // 10)


def test_a_limit_may_change_on_the_way() -> None:
    clock, limit = Clock(), 1000
    brake = Brake(lambda: limit, clock)
    assert brake.wait_after(500) == 0.5
    limit = 0
    assert brake.wait_after(10**9) == 0
    clock.now += 0.5
    limit = 250
    assert brake.wait_after(500) == 2.0
