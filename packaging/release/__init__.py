"""What the release workflow runs, with the standard library alone."""
