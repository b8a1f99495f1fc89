"""The agent is tried against the same fakes as the command line."""

from tests.cli.conftest import place

__all__ = ["place"]
