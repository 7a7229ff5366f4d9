"""Widgets: they show state and tell control what was asked for. No decisions."""
