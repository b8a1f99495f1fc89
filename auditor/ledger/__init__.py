"""The history: runs, findings with their lives, and what is owed to the channels, in one database."""
