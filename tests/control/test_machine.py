"""What the machine says of itself, and what it keeps to itself."""

from __future__ import annotations

from types import SimpleNamespace

import psutil
import pytest

from llamadesk.control.machine import Machine


@pytest.mark.parametrize(("plugged", "on_battery"), [(True, False), (False, True), (None, False)])
def test_it_runs_on_its_battery_where_that_says_so(
    monkeypatch: pytest.MonkeyPatch, plugged: bool | None, on_battery: bool
) -> None:
    battery = SimpleNamespace(power_plugged=plugged)
    monkeypatch.setattr(psutil, "sensors_battery", lambda: battery, raising=False)
    assert Machine().on_battery() is on_battery


def test_a_machine_that_hides_its_batteries_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise FileNotFoundError("/sys/class/power_supply")  # as in a container

    monkeypatch.setattr(psutil, "sensors_battery", refuse, raising=False)
    assert not Machine().on_battery()


def test_a_system_that_knows_no_batteries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(psutil, "sensors_battery", raising=False)
    assert not Machine().on_battery()
