"""The names of the settings in the store, and values with a meaning of their own."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

MODEL_PATH: Final = "model.path"
GPU_LAYERS: Final = "model.gpu_layers"
CONTEXT_LENGTH: Final = "model.context_length"
THREADS: Final = "model.threads"
TENSOR_SPLIT: Final = "model.tensor_split"
ADAPTERS: Final = "model.adapters"
FLASH_ATTENTION: Final = "speed.flash_attention"
MICRO_BATCH: Final = "speed.micro_batch"
KV_TYPE: Final = "speed.kv_type"
MEMORY_MAP: Final = "speed.memory_map"
TUNING: Final = "speed.tuning"
READ_AHEAD: Final = "speed.read_ahead"
SPECULATION: Final = "sampling.speculation"
CACHE_MEMORY: Final = "speed.cache_memory"
CACHE_DISK: Final = "speed.cache_disk"
IDLE_MINUTES: Final = "speed.idle_minutes"
KEEP_AWAKE: Final = "speed.keep_awake"
OVERFLOW: Final = "chat.overflow"
THOUGHT_BUDGET: Final = "chat.thought_budget"
TYPICAL_P: Final = "sampling.typical_p"
TEMPERATURE_RANGE: Final = "sampling.temperature_range"
PENALTY_WINDOW: Final = "sampling.penalty_window"
FREQUENCY_PENALTY: Final = "sampling.frequency_penalty"
PRESENCE_PENALTY: Final = "sampling.presence_penalty"
DRY_MULTIPLIER: Final = "sampling.dry_multiplier"
DRY_BASE: Final = "sampling.dry_base"
DRY_ALLOWED_LENGTH: Final = "sampling.dry_allowed_length"
DRY_WINDOW: Final = "sampling.dry_window"
XTC_PROBABILITY: Final = "sampling.xtc_probability"
XTC_THRESHOLD: Final = "sampling.xtc_threshold"
MIROSTAT: Final = "sampling.mirostat"
MIROSTAT_TAU: Final = "sampling.mirostat_tau"
MIROSTAT_ETA: Final = "sampling.mirostat_eta"
LOGIT_BIAS: Final = "sampling.logit_bias"
GRAMMAR: Final = "sampling.grammar"
JSON_SCHEMA: Final = "sampling.json_schema"
SYSTEM_PROMPT: Final = "chat.system_prompt"
TEMPERATURE: Final = "sampling.temperature"
TOP_K: Final = "sampling.top_k"
TOP_P: Final = "sampling.top_p"
MIN_P: Final = "sampling.min_p"
REPEAT_PENALTY: Final = "sampling.repeat_penalty"
SEED: Final = "sampling.seed"
MAX_TOKENS: Final = "sampling.max_tokens"
THEME: Final = "appearance.theme"
ZOOM: Final = "appearance.zoom"
UPDATE_CHECK: Final = "updates.check"
UPDATE_CHECKED_AT: Final = "updates.checked_at"
WINDOW_GEOMETRY: Final = "window.geometry"
SIDEBAR_SHOWN: Final = "window.sidebar_shown"
PANE_SHOWN: Final = "window.pane_shown"
OPEN_CONVERSATION: Final = "window.open_conversation"
NEW_CHAT_DRAFT: Final = "window.new_chat_draft"

ALL_GPU_LAYERS: Final = -1
"""`model.gpu_layers` where every layer is to go to the GPU, however many the model has."""
AUTO_GPU_LAYERS: Final = -2
"""`model.gpu_layers` where as many layers as fit are to go to the GPU."""


class Switch(StrEnum):
    """A choice that LlamaDesk can make itself, by what it has measured."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


AUTO_KV_TYPE: Final = "auto"
