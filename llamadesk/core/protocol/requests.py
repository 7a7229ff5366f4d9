"""What the window asks of the engine."""

from __future__ import annotations

import msgspec

from llamadesk.core.protocol.values import LoadSettings, Prompt, RequestId, Sampling, Trial


class Load(msgspec.Struct, frozen=True, tag=True):
    """Load a model in place of whatever is loaded. Answered by LoadProgress*, then Loaded or Failed."""

    id: RequestId
    settings: LoadSettings


class Unload(msgspec.Struct, frozen=True, tag=True):
    """Free the model and its memory. Answered by Unloaded."""

    id: RequestId


class Generate(msgspec.Struct, frozen=True, tag=True):
    """Write a reply. Answered by Dropped?, PromptProgress*, Delta*, then Finished or Failed.

    Attributes:
        max_tokens: 0 means until the model ends its reply or the context is full.
        stop: strings that end the reply; they are not part of it.
        thought_budget: tokens after which a thought is ended so that the answer begins; -1 is no limit, 0 no thought.
        speculate: guess ahead from the text that is there (n-gram speculation), where that pays.
    """

    id: RequestId
    prompt: Prompt
    sampling: Sampling
    max_tokens: int = 0
    stop: list[str] = []
    thought_budget: int = -1
    speculate: bool = True


class Prepare(msgspec.Struct, frozen=True, tag=True):
    """Read ahead, in the background, what a message to come will need: the turns so far, and of `draft`, what was typed
    and not sent, the tokens that no further typing will change. Answered by Prepared or Failed."""

    id: RequestId
    prompt: Prompt
    draft: str = ""


class Tune(msgspec.Struct, frozen=True, tag=True):
    """Measure, in the background, how the loaded model computes fastest here. Answered by TuneProgress*, then Tuned or
    Failed. What is loaded stays as it is.

    Attributes:
        known: what an earlier Tune of the same model had measured when it was cut short; not measured again.
    """

    id: RequestId
    known: list[Trial] = []


class CountTokens(msgspec.Struct, frozen=True, tag=True):
    """How many tokens the loaded model makes of a text. Answered by TokenCount or Failed."""

    id: RequestId
    text: str


class Measure(msgspec.Struct, frozen=True, tag=True):
    """How much of the context a prompt fills, with a draft as the person's next turn ("" is none). Where no model is
    loaded, the vocabulary of the file at `model_path` alone is. Answered by Measured or Failed."""

    id: RequestId
    prompt: Prompt
    draft: str = ""
    model_path: str = ""
    n_ctx: int = 0


class ShowPrompt(msgspec.Struct, frozen=True, tag=True):
    """Exactly what the model would be shown: the one that is loaded, or where `model_path` names a file, the one in it,
    of which the vocabulary alone is loaded for this. Answered by PromptShown or Failed."""

    id: RequestId
    prompt: Prompt
    model_path: str = ""
    n_ctx: int = 0


class Estimate(msgspec.Struct, frozen=True, tag=True):
    """What a load would take, by letting llama.cpp go through it without allocating (in a throwaway process). Answered
    by Estimated or Failed."""

    id: RequestId
    settings: LoadSettings


class Cancel(msgspec.Struct, frozen=True, tag=True):
    """Stop the request `target` (a load, a reply, a Prepare or a Tune) as soon as possible; it then ends in its usual
    way."""

    target: RequestId


class Forget(msgspec.Struct, frozen=True, tag=True):
    """Delete the saved states of these chats (`Prompt.chat`), in memory and on disk; those of every chat where it is
    None. Not answered."""

    chats: list[str] | None


class Configure(msgspec.Struct, frozen=True, tag=True):
    """How the states of chats are kept. Not answered; holds until the next one.

    Attributes:
        snapshot_folder: where they are kept on disk; "" keeps none there.
        ram_bytes: what saved states may take of the memory; the engine takes less where less is free.
        disk_bytes: what they may take on disk; the ones used longest ago go first.
    """

    snapshot_folder: str = ""
    ram_bytes: int = 0
    disk_bytes: int = 0


class Shutdown(msgspec.Struct, frozen=True, tag=True):
    """End the process."""


Foreground = Load | Unload | Generate
"""What a person waits for: one after the other, in order."""


Background = Prepare | Tune
"""What gives way to any Foreground at once: cancelled where it is under way, and not begun while one waits."""


Aside = CountTokens | Measure | ShowPrompt | Estimate
"""Questions that are answered while other work goes on."""


Request = Foreground | Background | Aside | Cancel | Forget | Configure | Shutdown
