from typing import Any

import msgspec
import pytest

from auditor.facts.cloud.cs import Grant, UserPermissions
from auditor.facts.kubernetes.rbac import AccessReview, ClusterRole, ClusterRoleBinding, Role, RoleBinding
from auditor.facts.landscape import ClusterIdentity, Landscape, WantedIdentity, WantedRight
from auditor.facts.rules.wanted_rights import questions
from auditor.judge.outcome import ReportedFinding, Status
from auditor.judge.verdicts import Certainty, Severity
from tests.checks import kit, make

CHECK = "access/rbac-denied"
DEPLOYER = "system:serviceaccount:ci:deployer"
RAM = "204821839384857610-1795380901"
DEPLOY = WantedRight(["create", "patch"], "deployments", "apps", "shop")


def identity(*must: WantedRight, user: str = DEPLOYER, groups: list[str] | None = None) -> WantedIdentity:
    return WantedIdentity(list(must or (DEPLOY,)), user, groups or [])


def rule(verbs: list[str], resources: list[str], groups: list[str] | None = None, **more: Any) -> dict[str, Any]:
    return {"verbs": verbs, "apiGroups": ["apps"] if groups is None else groups, "resources": resources, **more}


def bound(kind: str, subject: dict[str, str], role: str, namespace: str = "") -> Any:
    data = {
        "metadata": make.meta(f"gives-{role}", namespace),
        "roleRef": {"kind": kind, "name": role},
        "subjects": [subject],
    }
    return msgspec.convert(data, RoleBinding if namespace else ClusterRoleBinding)


def cluster_role(name: str, *rules: dict[str, Any]) -> ClusterRole:
    return msgspec.convert({"metadata": make.meta(name), "rules": list(rules)}, ClusterRole)


def role(name: str, namespace: str, *rules: dict[str, Any]) -> Role:
    return msgspec.convert({"metadata": make.meta(name, namespace), "rules": list(rules)}, Role)


SA = {"kind": "ServiceAccount", "name": "deployer", "namespace": "ci"}
FULL = cluster_role("deploy", rule(["create", "patch"], ["deployments"]))


def scene(*identities: WantedIdentity, allowed: set[str] | None = None, **tables: Any) -> Landscape:
    """Make a cluster whose API server allows these verbs (all, if not said)."""
    who = ClusterIdentity("test", kit.CLUSTER_ID, "cn-hangzhou", identities=list(identities or (identity(),)))
    reviews = [
        AccessReview(q.user, list(q.groups), q.verb, q.group, q.resource, q.namespace, True, q.subresource)
        for q in questions(who)
    ]
    rows = [
        row if allowed is None or row.verb in allowed else msgspec.structs.replace(row, allowed=False, reason="no")
        for row in reviews
    ]
    base = kit.landscape(access_reviews=rows, **tables)
    return Landscape(who, base.observed_at, base.tables)


def found(base: Landscape, subject: str = "ci/deployer") -> ReportedFinding:
    (finding,) = kit.finds(CHECK, base, subject)
    assert finding.severity is Severity.MEDIUM
    return finding


class TestAsked:
    def test_a_service_account(self) -> None:
        finding = found(scene(allowed=set()))
        assert (finding.subject.kind, finding.certainty) == ("ServiceAccount", Certainty.CONFIRMED)
        assert finding.evidence["missing_rules"] == [
            '{apiGroups: ["apps"], resources: ["deployments"], verbs: ["create", "patch"]}'
        ]

    def test_only_what_is_missing(self) -> None:
        assert found(scene(allowed={"create"})).evidence["missing"] == ["patch deployments.apps (namespace shop)"]

    def test_a_sub_resource_of_the_core_group(self) -> None:
        right = WantedRight(["get"], "pods/log")
        finding = found(scene(identity(right, user="anna"), allowed=set()), "anna")
        assert finding.subject.kind == "User"
        assert finding.evidence["missing"] == ["get pods/log (whole cluster)"]

    def test_groups_alone(self) -> None:
        finding = found(scene(identity(user="", groups=["ops"]), allowed=set()), "ops")
        assert finding.subject.kind == "Group"

    def test_the_bindings_that_there_are(self) -> None:
        subject = {"kind": "Group", "name": "system:serviceaccounts:ci"}
        base = scene(allowed=set(), cluster_role_bindings=[bound("ClusterRole", subject, "view")])
        assert found(base).evidence["bindings"] == ["ClusterRoleBinding gives-view -> ClusterRole view"]

    def test_what_ack_granted(self) -> None:
        grants = [
            Grant(kit.CLUSTER_ID, "cluster", "dev"),
            Grant("c-another", "cluster", "admin"),
            Grant(f"{kit.CLUSTER_ID}/shop", "namespace", "restricted"),
        ]
        base = scene(
            identity(user=RAM), allowed=set(), user_permissions=[UserPermissions(RAM.partition("-")[0], grants)]
        )
        told = found(base, RAM).evidence["ack_grants"]
        assert told == [f"dev on {kit.CLUSTER_ID}", f"restricted on {kit.CLUSTER_ID}/shop"]

    def test_two_entries_of_one_identity_are_one_finding(self) -> None:
        base = scene(identity(), identity(WantedRight(["get"], "pods", "", "shop")), allowed=set())
        assert len(found(base).evidence["missing_rules"]) == 2  # type: ignore[arg-type]

    def test_everything_is_allowed(self) -> None:
        kit.stays_quiet(CHECK, scene())

    def test_nobody_is_configured(self) -> None:
        kit.stays_quiet(CHECK, kit.landscape(), Status.NOT_APPLICABLE)

    def test_somebody_without_a_wish(self) -> None:
        kit.stays_quiet(CHECK, scene(WantedIdentity([], "anna")), Status.NOT_APPLICABLE)


class TestReadFromRoles:
    """The API server may not be asked."""

    @pytest.mark.parametrize(
        "tables",
        [
            pytest.param(
                {"cluster_roles": [FULL], "cluster_role_bindings": [bound("ClusterRole", SA, "deploy")]}, id="cluster"
            ),
            pytest.param(
                {"cluster_roles": [FULL], "role_bindings": [bound("ClusterRole", SA, "deploy", "shop")]}, id="in it"
            ),
            pytest.param(
                {
                    "rbac_roles": [role("deploy", "shop", rule(["*"], ["*"], ["*"]))],
                    "role_bindings": [bound("Role", SA, "deploy", "shop")],
                },
                id="a role of its own, stars",
            ),
            pytest.param(
                {
                    "cluster_roles": [FULL],
                    "cluster_role_bindings": [
                        bound("ClusterRole", {"kind": "Group", "name": "system:authenticated"}, "deploy")
                    ],
                },
                id="by a group",
            ),
            pytest.param(
                {
                    "cluster_roles": [FULL],
                    "cluster_role_bindings": [bound("ClusterRole", {"kind": "User", "name": DEPLOYER}, "deploy")],
                },
                id="by its user name",
            ),
        ],
    )
    def test_allowed(self, tables: dict[str, Any]) -> None:
        kit.stays_quiet(CHECK, kit.without(scene(**tables), "access_reviews"))

    @pytest.mark.parametrize(
        "tables",
        [
            pytest.param({}, id="nothing"),
            pytest.param(
                {"cluster_roles": [FULL], "role_bindings": [bound("ClusterRole", SA, "deploy", "other")]},
                id="in another namespace",
            ),
            pytest.param(
                {
                    "cluster_roles": [cluster_role("deploy", rule(["create"], ["deployments"]))],
                    "cluster_role_bindings": [bound("ClusterRole", SA, "deploy")],
                },
                id="one verb",
            ),
            pytest.param(
                {
                    "cluster_roles": [cluster_role("deploy", rule(["*"], ["deployments"], [""]))],
                    "cluster_role_bindings": [bound("ClusterRole", SA, "deploy")],
                },
                id="another group",
            ),
            pytest.param(
                {
                    "cluster_roles": [cluster_role("deploy", rule(["*"], ["deployments"], resourceNames=["web"]))],
                    "cluster_role_bindings": [bound("ClusterRole", SA, "deploy")],
                },
                id="one object",
            ),
            pytest.param({"cluster_role_bindings": [bound("ClusterRole", SA, "deploy")]}, id="a role that is gone"),
            pytest.param(
                {
                    "cluster_roles": [FULL],
                    "cluster_role_bindings": [bound("ClusterRole", {**SA, "namespace": "cd"}, "deploy")],
                },
                id="an account of another namespace",
            ),
        ],
    )
    def test_lacking(self, tables: dict[str, Any]) -> None:
        result, (finding,) = kit.run(CHECK, kit.without(scene(**tables), "access_reviews"))
        assert finding.certainty is Certainty.LIKELY
        assert any("test:Action" in reason.missing for reason in result.reasons)

    def test_masters_may_everything(self) -> None:
        base = scene(identity(user="root", groups=["system:masters"]))
        kit.stays_quiet(CHECK, kit.without(base, "access_reviews"))

    @pytest.mark.parametrize("table", ["cluster_role_bindings", "role_bindings", "cluster_roles"])
    def test_neither_way(self, table: str) -> None:
        base = scene(cluster_role_bindings=[bound("ClusterRole", SA, "deploy")])
        kit.is_not_evaluated(CHECK, kit.without(kit.without(base, "access_reviews"), table))


class TestGaps:
    @pytest.mark.parametrize(
        "table", ["cluster_role_bindings", "role_bindings", "cluster_roles", "rbac_roles", "user_permissions"]
    )
    def test_not_needed_where_the_server_is_asked(self, table: str) -> None:
        kit.stays_quiet(CHECK, kit.without(scene(), table))
        found(kit.without(scene(allowed=set()), table))

    def test_one_answer(self) -> None:
        base = scene(
            allowed={"create"}, cluster_roles=[FULL], cluster_role_bindings=[bound("ClusterRole", SA, "deploy")]
        )
        keys = [row.key for row in base.table("access_reviews").all()]
        kit.stays_quiet(CHECK, kit.without_rows(base, "access_reviews", keys[1]))
        assert found(kit.without_rows(base, "access_reviews", keys[0])).certainty is Certainty.CONFIRMED
