"""Providers: the functions that fill fact tables, each from one call family, with what it may do declared."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from auditor.facts.catalogue import TABLES
from auditor.facts.ref import Layer
from auditor.facts.table import Table

CLUSTER = "cluster"
"""The name of the parameter that is no table."""


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
        probe: the opt-in probe that it belongs to; empty for what is always read.
        takes_cluster: whether it is handed the cluster's identity, as ``cluster``.
        without_answer: whether it is of use though its side did not answer the first question.
    """

    table: str
    source: str
    layer: Layer
    permissions: tuple[str, ...]
    needs: tuple[str, ...]
    collect: Callable[..., Table[Any]]
    tolerates: tuple[str, ...] = ()
    probe: str = ""
    takes_cluster: bool = False
    without_answer: bool = False


_PROVIDERS: dict[str, Provider] = {}

Collect = Callable[..., Table[Any]]


def provides(
    table: str,
    *,
    source: str,
    layer: Layer,
    permissions: tuple[str, ...],
    tolerates: tuple[str, ...] = (),
    probe: str = "",
    without_answer: bool = False,
) -> Callable[[Collect], Collect]:
    """Register the decorated function as the provider of a table.

    Its first parameter is the client of its side (``KubernetesClient`` or ``CloudClient``), the others are the
    tables that it needs, by name, and ``cluster`` if it wants the cluster's identity. It is called only when those
    tables are known or partial, but for those it ``tolerates``, and only when its side answered the first question,
    unless it is of use ``without_answer``; it never raises for what an API answers, but returns a table that says so.
    """
    if table not in TABLES:
        raise ValueError(f"{table} is not in auditor.facts.catalogue")

    def register(function: Collect) -> Collect:
        if table in _PROVIDERS:
            raise ValueError(f"{table} already has a provider")
        parameters = tuple(inspect.signature(function).parameters)[1:]
        needs = tuple(name for name in parameters if name != CLUSTER)
        if strangers := set(tolerates) - set(needs):
            raise ValueError(f"{table} does not need {', '.join(sorted(strangers))}")
        _PROVIDERS[table] = Provider(
            table,
            source,
            layer,
            permissions,
            needs,
            function,
            tolerates,
            probe,
            takes_cluster=CLUSTER in parameters,
            without_answer=without_answer,
        )
        return function

    return register


def registered() -> dict[str, Provider]:
    """Return the providers of the modules imported so far; :mod:`auditor.collect.registry` has them all."""
    return dict(_PROVIDERS)
