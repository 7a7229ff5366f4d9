from __future__ import annotations

__all__ = ["web_server"]

from small_server import web_server
