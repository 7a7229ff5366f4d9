"""Family names of models as they are found in the world."""

from __future__ import annotations

import pytest

from llamadesk.library.names import family_key, family_name

NAMES = {
    "llama-2-7b-chat.GGUF.q4_0.bin": "Llama 2 7B Chat",
    "llama-2-7b-chat.GGUF.q5_0.bin": "Llama 2 7B Chat",
    "llama-2-7b-chat.GGUF.q8_0.bin": "Llama 2 7B Chat",
    "llama-2-7b-chat.Q8_0.gguf": "Llama 2 7B Chat",
    "Llama-2-7B-Chat-Q4_K_M.gguf": "Llama 2 7B Chat",
    "SmolLM2-135M-Instruct.Q4_1.gguf": "SmolLM2 135M Instruct",
    "smollm2-135m-instruct-q8_0.gguf": "SmolLM2 135M Instruct",
    "TinyLlama-1.1B-Chat-v1.0.Q4_K_M.gguf": "TinyLlama 1.1B Chat v1.0",
    "tinyllama-1.1b-chat-v1.0.Q2_K.gguf": "TinyLlama 1.1B Chat v1.0",
    "mistral-7b-instruct-v0.2.Q4_K_M.gguf": "Mistral 7B Instruct v0.2",
    "Mistral-7B-Instruct-v0.3.IQ4_XS.gguf": "Mistral 7B Instruct v0.3",
    "mixtral-8x7b-instruct-v0.1.Q5_K_M.gguf": "Mixtral 8x7B Instruct v0.1",
    "Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf": "Meta Llama 3.1 8B Instruct",
    "Llama-3.2-3B-Instruct-f16.gguf": "Llama 3.2 3B Instruct",
    "Llama-3.2-1B-Instruct-BF16.gguf": "Llama 3.2 1B Instruct",
    "Llama-3.3-70B-Instruct-Q3_K_XL.gguf": "Llama 3.3 70B Instruct",
    "Phi-3-mini-4k-instruct-q4.gguf": "Phi 3 Mini 4K Instruct",
    "Phi-3-mini-4k-instruct-fp16.gguf": "Phi 3 Mini 4K Instruct",
    "Phi-3.5-mini-instruct-IQ3_M.gguf": "Phi 3.5 Mini Instruct",
    "phi-2.Q4_K_M.gguf": "Phi 2",
    "gemma-2-9b-it-IQ4_XS.gguf": "Gemma 2 9B it",
    "google_gemma-3-4b-it-Q4_K_M.gguf": "Gemma 3 4B it",
    "gemma-3-12b-it-qat-q4_0.gguf": "Gemma 3 12B it QAT",
    "qwen2.5-7b-instruct-q4_k_m.gguf": "Qwen2.5 7B Instruct",
    "qwen2.5-7b-instruct-q4_k_m-00001-of-00002.gguf": "Qwen2.5 7B Instruct",
    "Qwen_Qwen3-8B-Q4_K_M.gguf": "Qwen3 8B",
    "Qwen3-30B-A3B-Instruct-2507-UD-Q4_K_XL.gguf": "Qwen3 30B A3B Instruct 2507",
    "DeepSeek-R1-Distill-Qwen-7B-Q4_K_M.gguf": "DeepSeek R1 Distill Qwen 7B",
    "granite-3.1-8b-instruct.i1-Q4_K_M.gguf": "Granite 3.1 8B Instruct",
    "openhermes-2.5-mistral-7b.Q4_K_M.gguf": "OpenHermes 2.5 Mistral 7B",
    "Hermes-3-Llama-3.1-8B.Q4_K_M.gguf": "Hermes 3 Llama 3.1 8B",
    "zephyr-7b-beta.Q5_K_M.gguf": "Zephyr 7B Beta",
    "codellama-7b-instruct.Q4_K_M.gguf": "CodeLlama 7B Instruct",
    "gpt-oss-20b-mxfp4.gguf": "GPT OSS 20B",
    "gpt-oss-20b-MXFP4_MOE.gguf": "GPT OSS 20B",
    "OLMo-2-1124-7B-Instruct-Q8_0.gguf": "OLMo 2 1124 7B Instruct",
    "Yi-1.5-9B-Chat-Q4_K_M.gguf": "Yi 1.5 9B Chat",
    "vicuna-13b-v1.5.Q4_0_4_4.gguf": "Vicuna 13B v1.5",
    "LFM2-1.2B-Q4_0.gguf": "LFM2 1.2B",
    "GLM-4-9B-0414-Q4_K_S.gguf": "GLM 4 9B 0414",
    "Nous-Hermes-2-Mixtral-8x7B-DPO.Q3_K_L.gguf": "Nous Hermes 2 Mixtral 8x7B DPO",
    "EXAONE-3.5-2.4B-Instruct-BF16.gguf": "EXAONE 3.5 2.4B Instruct",
    "Mein Modell (älter) Q4_0.gguf": "Mein Modell (älter)",
    "モデル-7B-Q4_0.gguf": "モデル 7B",
    "mod\udce8le-7B-Q4_0.gguf": "Mod\ufffdle 7B",
}


@pytest.mark.parametrize(("file_name", "family"), NAMES.items())
def test_family_name_of_file(file_name: str, family: str) -> None:
    assert family_name(file_name, {"general.name": "LLaMA v2"}) == family


@pytest.mark.parametrize(
    "file_name",
    [
        "ggml-model-q4_0.bin",
        "ggml-model-f16.gguf",
        "model.gguf",
        "7b-chat.Q4_0.gguf",
        "Q4_K_M.gguf",
        "sha256-8934d96d3f08982e95922b2b7a2c626a1fe873d7c3b06e8e56d7bc0a1fef9246",
    ],
)
def test_header_speaks_where_the_file_name_says_nothing(file_name: str) -> None:
    assert family_name(file_name, {"general.name": "Zephyr 7B Beta q4_0"}) == "Zephyr 7B Beta"
    named = {"general.basename": "Llama-2", "general.size_label": "7B", "general.finetune": "Chat"}
    assert family_name(file_name, {"general.name": "run 17", **named}) == "Llama 2 7B Chat"


def test_there_is_always_a_name() -> None:
    for file_name in ("model.gguf", "q4_0.gguf", ".gguf", "-", "7b.bin", "ggml.bin"):
        assert family_name(file_name, {})
        assert family_name(file_name, {"general.name": 7, "general.basename": "---"})


def test_spellings_share_a_key() -> None:
    assert family_key("Neuralbeagle 7B") == family_key("NeuralBeagle 7B")
