"""Providers: the functions that fill fact tables, each from one call family, with what it may do declared."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from auditor.facts.catalogue import TABLES
from auditor.facts.ref import Layer
from auditor.facts.table import Table


@dataclass(frozen=True)
class Provider:
    """Fills one table.

    Attributes:
        table: the table's name.
        source: the API that is asked, as it stands in reports: ``kubernetes``, or the product (``ecs``).
        layer: the side.
        permissions: the RAM actions (``ecs:DescribeDisks``) or Kubernetes rights (``list pods``,
            ``list volumeattachments.storage.k8s.io``) that it uses: no other call is made.
        needs: the tables that tell it what to ask for, by the names of its further parameters.
        collect: the function; its first parameter is the client of its side.
        tolerates: those of its needs without which it can still read a part: they are handed over unavailable.
    """

    table: str
    source: str
    layer: Layer
    permissions: tuple[str, ...]
    needs: tuple[str, ...]
    collect: Callable[..., Table[Any]]
    tolerates: tuple[str, ...] = ()


_PROVIDERS: dict[str, Provider] = {}

Collect = Callable[..., Table[Any]]


def provides(
    table: str, *, source: str, layer: Layer, permissions: tuple[str, ...], tolerates: tuple[str, ...] = ()
) -> Callable[[Collect], Collect]:
    """Register the decorated function as the provider of a table.

    Its first parameter is the client of its side (``KubernetesClient`` or ``CloudClient``), the others are the
    tables that it needs, by name. It is called only when those are known or partial, but for those it
    ``tolerates``; it never raises for what an API answers, but returns a table that says so.
    """
    if table not in TABLES:
        raise ValueError(f"{table} is not in auditor.facts.catalogue")

    def register(function: Collect) -> Collect:
        if table in _PROVIDERS:
            raise ValueError(f"{table} already has a provider")
        needs = tuple(inspect.signature(function).parameters)[1:]
        if strangers := set(tolerates) - set(needs):
            raise ValueError(f"{table} does not need {', '.join(sorted(strangers))}")
        _PROVIDERS[table] = Provider(table, source, layer, permissions, needs, function, tolerates)
        return function

    return register


def registered() -> dict[str, Provider]:
    """Return the providers of the modules imported so far; :mod:`auditor.collect.registry` has them all."""
    return dict(_PROVIDERS)
