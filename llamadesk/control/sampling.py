"""What the settings say about how the next token is chosen."""

from __future__ import annotations

from llamadesk.core.biases import biases_from
from llamadesk.core.protocol import Sampling
from llamadesk.core.settings import (
    DRY_ALLOWED_LENGTH,
    DRY_BASE,
    DRY_MULTIPLIER,
    DRY_WINDOW,
    FREQUENCY_PENALTY,
    GRAMMAR,
    JSON_SCHEMA,
    LOGIT_BIAS,
    MIN_P,
    MIROSTAT,
    MIROSTAT_ETA,
    MIROSTAT_TAU,
    PENALTY_WINDOW,
    PRESENCE_PENALTY,
    REPEAT_PENALTY,
    SEED,
    TEMPERATURE,
    TEMPERATURE_RANGE,
    TOP_K,
    TOP_P,
    TYPICAL_P,
    XTC_PROBABILITY,
    XTC_THRESHOLD,
)
from llamadesk.state.settings import SettingValues


def sampling_from(values: SettingValues) -> Sampling:
    """How the next reply of the chosen model is sampled. Lines of unwanted words that cannot be read are left out; the
    pane says so."""
    return Sampling(
        temperature=values.effective(TEMPERATURE, float),
        top_k=values.effective(TOP_K, int),
        top_p=values.effective(TOP_P, float),
        min_p=values.effective(MIN_P, float),
        repeat_penalty=values.effective(REPEAT_PENALTY, float),
        seed=values.effective(SEED, int),
        typical_p=values.effective(TYPICAL_P, float),
        temperature_range=values.effective(TEMPERATURE_RANGE, float),
        penalty_window=values.effective(PENALTY_WINDOW, int),
        frequency_penalty=values.effective(FREQUENCY_PENALTY, float),
        presence_penalty=values.effective(PRESENCE_PENALTY, float),
        dry_multiplier=values.effective(DRY_MULTIPLIER, float),
        dry_base=values.effective(DRY_BASE, float),
        dry_allowed_length=values.effective(DRY_ALLOWED_LENGTH, int),
        dry_window=values.effective(DRY_WINDOW, int),
        xtc_probability=values.effective(XTC_PROBABILITY, float),
        xtc_threshold=values.effective(XTC_THRESHOLD, float),
        mirostat=values.effective(MIROSTAT, int),
        mirostat_tau=values.effective(MIROSTAT_TAU, float),
        mirostat_eta=values.effective(MIROSTAT_ETA, float),
        logit_bias=biases_from(values.effective(LOGIT_BIAS, str)),
        grammar=values.effective(GRAMMAR, str),
        json_schema=values.effective(JSON_SCHEMA, str),
    )
