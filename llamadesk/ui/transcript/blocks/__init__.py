"""Widgets that show one block of a message each."""
