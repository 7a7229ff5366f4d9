"""What the machine says of itself, asked at idle moments."""

from __future__ import annotations

from typing import Any


class Machine:
    """Its battery and how busy it is. The first question imports what answers them, which takes a moment."""

    def on_battery(self) -> bool:
        """Whether it runs on its battery now; False where there is none or it does not tell."""
        try:
            battery = getattr(_psutil(), "sensors_battery", lambda: None)()  # some systems know none
        except OSError:  # and some hide what they know
            return False
        return battery is not None and battery.power_plugged is False

    def busy_share(self) -> float:
        """How busy all processors together were since this was asked last, 0 to 1; 0 the first time."""
        return float(_psutil().cpu_percent(interval=None)) / 100


def _psutil() -> Any:
    import psutil  # noqa: PLC0415 - slow to import, and the first frame needs none

    return psutil
