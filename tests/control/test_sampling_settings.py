from __future__ import annotations

import msgspec
import pytest

from llamadesk.control.sampling import sampling_from
from llamadesk.core.protocol import FORBIDDEN, Sampling
from llamadesk.core.settings import LOGIT_BIAS, SETTINGS
from llamadesk.state.settings import SettingValues

FIELDS = [field.name for field in msgspec.structs.fields(Sampling)]


def test_nothing_chosen_is_the_default_of_the_protocol() -> None:
    assert sampling_from(SettingValues()) == Sampling()


@pytest.mark.parametrize("field", FIELDS)
def test_each_setting_comes_through(field: str) -> None:
    setting = SETTINGS[f"sampling.{field}"]
    values = SettingValues()
    chosen = "very = never" if field == "logit_bias" else "text" if isinstance(setting.default, str) else 1
    if chosen == setting.default:
        chosen = 0 if field == "typical_p" else 2
    values.set(setting.key, type(setting.default)(chosen))
    expected = (("very", FORBIDDEN),) if setting.key == LOGIT_BIAS else chosen
    assert sampling_from(values) == msgspec.structs.replace(Sampling(), **{field: expected})
