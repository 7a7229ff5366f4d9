"""Model files: where they come from."""

from __future__ import annotations

from typing import Final

from llamadesk.core.settings.keys import DOWNLOAD_LIMIT, MODEL_FILES, MODEL_FOLDERS, OTHER_APPS
from llamadesk.core.settings.kinds import Group, Setting

SETTINGS: Final = (
    Setting(
        DOWNLOAD_LIMIT,
        0.0,
        "Speed limit",
        "How fast models are downloaded at most, so that something is left for what else you do on the internet.",
        Group.HIDDEN,  # it stands where the downloads do
        minimum=0.0,
        maximum=10_000.0,
        step=0.5,
        lowest_means="No limit",
        unit=" MB/s",
    ),
    Setting(
        OTHER_APPS,
        True,
        "Use models of other apps",
        "Offers what LM Studio, Jan, GPT4All, Ollama, llama.cpp and the Hugging Face cache keep on this computer. "
        "Their files are only read, where they lie: LlamaDesk never copies, changes or deletes them.",
        Group.MODEL,
    ),
    Setting(
        MODEL_FOLDERS,
        "",
        "Folders of models",
        "Looked through besides LlamaDesk's own and those of other apps.",
        Group.HIDDEN,
        maximum=1_000_000,
    ),
    Setting(
        MODEL_FILES,
        "",
        "Opened models",
        "Files that were opened from other folders, and are listed where they lie.",
        Group.HIDDEN,
        maximum=1_000_000,
    ),
)
