"""What this installation is made of. Nothing is imported to find out: the metadata of the packages say it."""

from __future__ import annotations

from llamadesk import __version__

_PACKAGES = ("PySide6-Essentials", "llama-cpp-python", "qasync", "msgspec", "markdown-it-py", "Pygments", "Jinja2")


def versions() -> dict[str, str]:
    """Versions by name; "unknown" for a package without metadata (a bundle may leave them out)."""
    # Slow to import, and a start needs none of them.
    import platform  # noqa: PLC0415
    import sqlite3  # noqa: PLC0415
    from importlib import metadata  # noqa: PLC0415

    found = {
        "LlamaDesk": __version__,
        "installed as": _installed_as(),
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "system": platform.platform(),
        "machine": platform.machine(),
    }
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "unknown"
    found["Qt"] = found["PySide6-Essentials"]  # it carries the Qt of its own number
    return found


def _installed_as() -> str:
    """Such as "deb, commit 8aa09a6"."""
    from llamadesk.core.installation import installation  # noqa: PLC0415 - as above

    here = installation()
    return f"{here.kind}, commit {here.commit[:12]}" if here.commit else here.kind
