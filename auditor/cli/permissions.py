"""``auditor permissions``: the least rights to grant, from what the enabled checks really ask for."""

import json
import re
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli.exits import Failure, known_errors, say
from auditor.cli.options import ChecksOption, ConfigOption

if TYPE_CHECKING:
    from auditor.config.settings import Settings

_ACCOUNT = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)/([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)")


class Side(StrEnum):
    """Which side's rights."""

    RAM = "ram"
    RBAC = "rbac"


def permissions(
    side: Annotated[Side, typer.Argument(metavar="ram|rbac", help="ram: the RAM policy; rbac: the ClusterRole.")],
    config: ConfigOption = None,
    check: ChecksOption = None,
    probes: Annotated[bool, typer.Option("--probes", help="With the rights of all opt-in probes.")] = False,
    probe: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="With the rights of this opt-in probe; may be repeated."),
    ] = None,
    secret_metadata: Annotated[
        bool,
        typer.Option("--secret-metadata", help="rbac: with the right to list Secrets, which grants their data too."),
    ] = False,
    bind: Annotated[
        str | None,
        typer.Option(
            metavar="NAMESPACE/NAME", help="rbac: with this ServiceAccount and its binding, for kubectl apply -f -."
        ),
    ] = None,
) -> None:
    """Print the least RAM policy (JSON) or ClusterRole (YAML) for the enabled checks.

    What a probe or the metadata of Secrets takes is left out, unless the configuration or an option switches it on.
    """
    with known_errors():
        import yaml

        from auditor.cli import load
        from auditor.collect.permissions import binding, cluster_role, ram_policy
        from auditor.judge.engine import needed_tables

        account = _account(side, bind)
        settings = load.settings(config, needed=False)
        tables = needed_tables(load.checks(settings.checks.folders, check or []))
        wanted = _probes(settings, probe or [], every=probes)
        secrets = secret_metadata or any(cluster.kubernetes.secret_metadata for cluster in settings.clusters)
        if side is Side.RAM:
            from_ack = any(cluster.kubernetes.from_ack for cluster in settings.clusters)
            say(json.dumps(ram_policy(tables, probes=wanted, kubeconfig_from_ack=from_ack), indent=2))
            return
        role = cluster_role(tables, probes=wanted, secret_metadata=secrets)
        documents = [role, *(binding(*account) if account else ())]
        say(yaml.safe_dump_all(documents, sort_keys=False).rstrip())


def _account(side: Side, bind: str | None) -> tuple[str, str] | None:
    if bind is None:
        return None
    found = _ACCOUNT.fullmatch(bind)
    if side is not Side.RBAC or not found:
        raise Failure(
            f"--bind {bind!r}: expected rbac, and NAMESPACE/NAME of a ServiceAccount such as audit/ack-auditor"
        )
    return found[1], found[3]


def _probes(settings: "Settings", named: list[str], *, every: bool) -> set[str]:
    from typing import get_args

    from auditor.config.clusters import Probe

    known = get_args(Probe)
    for name in named:
        if name not in known:
            raise Failure(f"--probe {name!r}: no probe is called so; expected one of {', '.join(known)}")
    if every:
        return set(known)
    return {*named, *(probe for cluster in settings.clusters for probe in cluster.probes)}
