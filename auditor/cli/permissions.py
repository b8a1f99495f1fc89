"""``auditor permissions``: the least rights to grant, from what the enabled checks really ask for."""

import json
from enum import StrEnum
from typing import Annotated

import typer

from auditor.cli.exits import known_errors, say
from auditor.cli.options import ChecksOption, ConfigOption


class Side(StrEnum):
    """Which side's rights."""

    RAM = "ram"
    RBAC = "rbac"


def permissions(
    side: Annotated[Side, typer.Argument(metavar="ram|rbac", help="ram: the RAM policy; rbac: the ClusterRole.")],
    config: ConfigOption = None,
    check: ChecksOption = None,
) -> None:
    """Print the least RAM policy (JSON) or ClusterRole (YAML) for the enabled checks."""
    with known_errors():
        import yaml

        from auditor.cli import load
        from auditor.collect.permissions import cluster_role, ram_policy
        from auditor.judge.engine import needed_tables

        settings = load.settings(config, needed=False)
        tables = needed_tables(load.checks(settings.checks.folders, check or []))
        probes = {probe for cluster in settings.clusters for probe in cluster.probes}
        secrets = any(cluster.kubernetes.secret_metadata for cluster in settings.clusters)
        if side is Side.RAM:
            say(json.dumps(ram_policy(tables), indent=2))
        else:
            role = cluster_role(tables, probes=probes, secret_metadata=secrets)
            say(yaml.safe_dump(role, sort_keys=False).rstrip())
