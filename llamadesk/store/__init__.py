"""Every chat and setting, in SQLite, on one thread of its own."""
