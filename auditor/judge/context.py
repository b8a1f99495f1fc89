"""Hands a check the facts that it asks for by parameter."""

import inspect
from collections.abc import Iterable, Sequence
from typing import Any

from auditor.facts.catalogue import TABLES
from auditor.facts.joins import JOINS
from auditor.facts.landscape import Landscape
from auditor.judge.check import BadCheck, LoadedCheck

PLAIN_FACTS = ("cluster", "observed_at")
"""Facts that are no tables: the :class:`ClusterIdentity` and the moment of the collection."""


def tables_behind(facts: Iterable[str]) -> set[str]:
    """Return the tables that the named facts rest on: a table itself, or those that a join joins.

    Raises:
        KeyError: a name is neither a table, nor a join, nor a plain fact.
    """
    tables: set[str] = set()
    for name in facts:
        if name in TABLES:
            tables.add(name)
        elif name in JOINS:
            tables |= tables_behind(_parameters(JOINS[name]))
        elif name not in PLAIN_FACTS:
            raise KeyError(name)
    return tables


def tables_of(check: LoadedCheck) -> set[str]:
    """Return the tables that a check needs. Raises BadCheck for a parameter that is no fact."""
    try:
        return tables_behind((*check.subject_facts, *check.judge_facts))
    except KeyError as error:
        names = ", ".join(sorted((*TABLES, *JOINS, *PLAIN_FACTS)))
        raise BadCheck(
            f"{check.module.__file__}: parameter {error.args[0]!r} is no fact; expected one of: {names}"
        ) from None


class Context:
    """The facts of one landscape; joins are made once and shared by all checks."""

    def __init__(self, landscape: Landscape) -> None:
        """Take the landscape."""
        self._landscape = landscape
        self._made: dict[str, Any] = {}

    def facts(self, names: Sequence[str]) -> dict[str, Any]:
        """Return the facts of these names, as keyword arguments."""
        return {name: self.fact(name) for name in names}

    def fact(self, name: str) -> Any:
        """Return one fact: a table, a join or a plain fact."""
        if name in TABLES:
            return self._landscape.table(name)
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def _make(self, name: str) -> Any:
        if name in JOINS:
            return JOINS[name](**self.facts(_parameters(JOINS[name])))
        return {"cluster": self._landscape.cluster, "observed_at": self._landscape.observed_at}[name]


def _parameters(join: type[Any]) -> tuple[str, ...]:
    return tuple(inspect.signature(join).parameters)
