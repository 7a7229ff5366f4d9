"""The child process that hosts llama.cpp: reads requests, streams events.

One room alone, native, imports llama_cpp.
"""
