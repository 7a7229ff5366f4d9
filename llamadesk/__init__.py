"""LlamaDesk: private chat with a language model on one's own computer."""

__version__ = "0.1.0"
