"""The command `gamelake`."""
