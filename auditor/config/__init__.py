"""The configuration: one model per table of the TOML file. ``config.example.toml`` shows every key."""
