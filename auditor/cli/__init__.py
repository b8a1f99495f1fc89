"""The command line: one file per command, and no logic. Heavy libraries are imported where they are used."""
