"""Can everything be reached and read? What is missing, and what to grant: found by really reading it."""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.agent.audit import Watcher, identity_of
from auditor.agent.granted import Grant, Permission, Unread, permissions_shown, unread
from auditor.agent.sides import local_problems, open_either
from auditor.collect.errors import ConfigError
from auditor.collect.permissions import policy_document, ram_statement, rbac_rules
from auditor.collect.plan import Side, Unanswered, collect, why_not
from auditor.config.clusters import Cluster
from auditor.config.credentials import Credentials
from auditor.facts.ref import Layer
from auditor.facts.table import Reason
from auditor.judge.check import LoadedCheck
from auditor.judge.engine import needed_tables

if TYPE_CHECKING:
    from auditor.collect.alibaba.client import CloudClient
    from auditor.collect.kubernetes.client import KubernetesClient

ASSUME_ROLE = "sts:AssumeRole"
CLOCK_SECONDS = 60
"""A clock that differs by more is worth a word: from 15 minutes on the cloud refuses each signature."""


@dataclass(frozen=True)
class SideState:
    """What is known of one side.

    Attributes:
        layer: which one.
        endpoint: the base URL that was called; empty if it did not come to that.
        identity: who the auditor is there: ``account``, ``arn``, ``type``, ``credentials``, or ``user``, ``context``.
        seconds: how long one small call took; None without an answer.
        seconds_ahead: by how much the server's clock is ahead of this machine's; None if it did not say.
        reason: why the side can't be read; None if it can.
    """

    layer: Layer
    endpoint: str = ""
    identity: dict[str, str] = field(default_factory=dict)
    seconds: float | None = None
    seconds_ahead: float | None = None
    reason: Reason | None = None

    @property
    def has_wrong_clock(self) -> bool:
        """Whether this machine's clock is worth a look."""
        return self.seconds_ahead is not None and abs(self.seconds_ahead) > CLOCK_SECONDS


@dataclass(frozen=True)
class Diagnosis:
    """What was found out about one cluster.

    Attributes:
        cluster: its configuration.
        problems: what is wrong with the configuration, as far as this machine can tell.
        sides: both sides.
        permissions: what was shown of each permission.
        unread: what could not be read for another cause.
    """

    cluster: Cluster
    problems: list[str]
    sides: list[SideState]
    permissions: list[Permission]
    unread: list[Unread]

    @property
    def is_usable(self) -> bool:
        """Whether an audit of it can begin: the configuration is in order, and a side can be read."""
        return not self.problems and any(side.reason is None for side in self.sides)

    @property
    def is_whole(self) -> bool:
        """Whether everything could be read."""
        told = all(one.grant in (Grant.OK, Grant.NOT_NEEDED) for one in self.permissions)
        return self.is_usable and told and not self.unread and all(side.reason is None for side in self.sides)

    def missing(self, layer: Layer) -> list[str]:
        """Return the names of the missing permissions of a side."""
        return [one.name for one in self.permissions if one.layer is layer and one.grant is Grant.MISSING]

    @property
    def ram_policy(self) -> dict[str, Any] | None:
        """The RAM policy with just what is missing; None if nothing is.

        The right to take on a role belongs to the identity that takes it on, and is for that role alone.
        """
        of_sides = {right for side in self.sides if side.reason for right in side.reason.missing}
        # Rights of STS are given by the role's trust policy, but for the one to take on a role by another identity.
        actions = {right for right in of_sides if ":" in right and not right.startswith("sts:")}
        actions |= set(self.missing(Layer.CLOUD))
        statements = [ram_statement(actions)] if actions else []
        if ASSUME_ROLE in of_sides and (roles := _roles(self.cluster.alibaba.credentials)):
            statements.append(ram_statement([ASSUME_ROLE], *roles))
        return policy_document(statements) if statements else None

    @property
    def rbac_rules(self) -> list[dict[str, Any]]:
        """The rules of a ClusterRole with just what is missing."""
        return rbac_rules(self.missing(Layer.KUBERNETES))


def diagnose(cluster: Cluster, checks: Sequence[LoadedCheck], watcher: Watcher) -> Diagnosis:
    """Reach both sides of a cluster, and read what the checks need as an audit does."""
    problems = local_problems(cluster)
    with open_either(cluster) as sides:
        states = [
            _side(Layer.KUBERNETES, sides[Layer.KUBERNETES], _in_cluster(cluster)),
            _side(Layer.CLOUD, sides[Layer.CLOUD], _in_cloud),
        ]
        tables = collect(needed_tables(checks), sides, identity_of(cluster), watcher.on_collect).tables
        shown = permissions_shown(tables, sides, cluster.probes, secret_metadata=cluster.kubernetes.secret_metadata)
        known = [state.reason for state in states if state.reason]
        return Diagnosis(cluster, problems, states, shown, unread(tables, shown, known))


def _roles(credentials: Credentials) -> list[str]:
    """Return the roles that are taken on by another identity, along the whole chain."""
    further = _roles(credentials.source) if credentials.source else []
    return [credentials.role_arn, *further] if credentials.kind == "ram_role" else further


def unwritable(directory: Path) -> str:
    """Return why reports can't be written to a folder, empty if they can. The folder itself is not made."""
    existing = directory
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    try:
        with tempfile.TemporaryFile(dir=existing):
            return ""
    except OSError as error:
        return f"{directory}: reports can't be written there: {error.strerror or error}"


def _side(layer: Layer, side: Side, ask: Callable[[Any], dict[str, str] | None]) -> SideState:
    """Ask a side who the auditor is there, and measure how long that takes."""
    client: Any = side.client if isinstance(side, Unanswered) else side
    if isinstance(client, Reason):
        return SideState(layer, reason=client)
    started = time.monotonic()
    said = ask(client)
    seconds = None if said is None else time.monotonic() - started
    return SideState(layer, client.endpoint, said or {}, seconds, client.seconds_ahead, why_not(side))


def _in_cloud(client: "CloudClient") -> dict[str, str] | None:
    from auditor.collect.alibaba.failures import CallFailed  # noqa: PLC0415 - the SDK is imported when it is used
    from auditor.collect.alibaba.sts import caller  # noqa: PLC0415

    said = {"credentials": str(client.origin)}
    try:
        somebody = caller(client)
    except CallFailed as failure:
        return said if failure.http_status else None
    return {**said, "account": somebody.account, "arn": somebody.arn, "type": somebody.kind}


def _in_cluster(cluster: Cluster) -> "Callable[[KubernetesClient], dict[str, str] | None]":
    from auditor.collect.kubernetes.failures import CallFailed  # noqa: PLC0415 - the SDK is imported when it is used

    said = _user_of(cluster)

    def ask(client: "KubernetesClient") -> dict[str, str] | None:
        try:
            client.get("/version", attempts=1)
        except CallFailed as failure:
            return said if failure.code else None
        return said

    return ask


def _user_of(cluster: Cluster) -> dict[str, str]:
    """Return what the configuration says of who the auditor is in the cluster."""
    from auditor.collect.kubernetes.kubeconfig import check_kubeconfig, kubeconfig_files  # noqa: PLC0415

    access = cluster.kubernetes
    if access.in_cluster:
        return {"user": "the ServiceAccount of this Pod"}
    if access.from_ack:
        return {"user": "the one whom ACK hands out a kubeconfig to"}
    try:
        files = kubeconfig_files(access.kubeconfig)
        chosen = check_kubeconfig(files, access.context)
    except ConfigError:
        return {}
    return {"user": chosen.user_name, "context": chosen.context, "kubeconfig": ", ".join(str(file) for file in files)}
