"""llama.cpp as a few small classes. The only room that imports llama_cpp, and only its low-level bindings.

A model and its contexts must be used from one thread at a time; a vocabulary can be asked from any. Ids of tokens are
plain ints; positions count from 0 in the one sequence that a context holds.
"""

from __future__ import annotations

from llamadesk.engine.native.adapter import LoraAdapter, NativeAdapterError
from llamadesk.engine.native.context import Context, Decoded
from llamadesk.engine.native.library import NativeLog, cpu_features, library_version, start_library
from llamadesk.engine.native.model import Model, NativeLoadError
from llamadesk.engine.native.quantize import NativeQuantizeError, TensorBegun, quantize
from llamadesk.engine.native.sampler import Sampler
from llamadesk.engine.native.states import Span, State, States
from llamadesk.engine.native.trials import TrialContext
from llamadesk.engine.native.vocab import TokenAttribute, Vocab
from llamadesk.engine.native.vocabulary import VocabularyFile

__all__ = [
    "Context",
    "Decoded",
    "LoraAdapter",
    "Model",
    "NativeAdapterError",
    "NativeLoadError",
    "NativeLog",
    "NativeQuantizeError",
    "Sampler",
    "Span",
    "State",
    "States",
    "TensorBegun",
    "TokenAttribute",
    "TrialContext",
    "Vocab",
    "VocabularyFile",
    "cpu_features",
    "library_version",
    "quantize",
    "start_library",
]
