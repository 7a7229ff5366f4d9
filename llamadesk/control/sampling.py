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
    """How the next reply is sampled. Lines of unwanted words that cannot be read are left out; the pane says so."""
    return Sampling(
        temperature=values.get(TEMPERATURE, float),
        top_k=values.get(TOP_K, int),
        top_p=values.get(TOP_P, float),
        min_p=values.get(MIN_P, float),
        repeat_penalty=values.get(REPEAT_PENALTY, float),
        seed=values.get(SEED, int),
        typical_p=values.get(TYPICAL_P, float),
        temperature_range=values.get(TEMPERATURE_RANGE, float),
        penalty_window=values.get(PENALTY_WINDOW, int),
        frequency_penalty=values.get(FREQUENCY_PENALTY, float),
        presence_penalty=values.get(PRESENCE_PENALTY, float),
        dry_multiplier=values.get(DRY_MULTIPLIER, float),
        dry_base=values.get(DRY_BASE, float),
        dry_allowed_length=values.get(DRY_ALLOWED_LENGTH, int),
        dry_window=values.get(DRY_WINDOW, int),
        xtc_probability=values.get(XTC_PROBABILITY, float),
        xtc_threshold=values.get(XTC_THRESHOLD, float),
        mirostat=values.get(MIROSTAT, int),
        mirostat_tau=values.get(MIROSTAT_TAU, float),
        mirostat_eta=values.get(MIROSTAT_ETA, float),
        logit_bias=biases_from(values.get(LOGIT_BIAS, str)),
        grammar=values.get(GRAMMAR, str),
        json_schema=values.get(JSON_SCHEMA, str),
    )
