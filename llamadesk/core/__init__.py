"""What every room may know: plain values and pure functions.

No Qt, and no I/O but the paths of files. Everything here can be tested without a window, a model or a database.
"""
