"""The same soak with the ledger in PostgreSQL, which is locked, and breaks all connections."""

from bench import soak


def main() -> None:
    """A week, with a hundred kills."""
    soak.main(on_postgresql=True)
