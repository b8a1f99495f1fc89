"""All providers of both sides. Importing this imports the collectors, though not yet the SDKs."""

from auditor.collect.alibaba import tables as _alibaba  # noqa: F401 - imported for registration
from auditor.collect.kubernetes import tables as _kubernetes  # noqa: F401
from auditor.collect.provider import Provider, registered


def providers() -> dict[str, Provider]:
    """Return all providers by table."""
    return registered()


def with_needs(tables: set[str]) -> set[str]:
    """Return the tables and all that their providers need, directly or not."""
    known = providers()
    closed: set[str] = set()
    todo = list(tables)
    while todo:
        name = todo.pop()
        if name not in closed:
            closed.add(name)
            todo += known[name].needs
    return closed
