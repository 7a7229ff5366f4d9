"""The child process that hosts llama.cpp: reads requests, streams events.

One file alone, native.py, imports llama_cpp.
"""
