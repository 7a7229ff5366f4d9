"""The window of models: to find, compare, download and keep them. Nothing of it is imported before the first frame."""
