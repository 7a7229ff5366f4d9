"""All that asks another machine, and only when asked to: the hub of models, downloads, the account there, updates."""
