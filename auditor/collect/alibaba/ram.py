"""RAM: the roles that the cluster's components use, and what these may do."""

from auditor.collect.alibaba.client import CloudClient
from auditor.collect.alibaba.failures import CallFailed
from auditor.collect.alibaba.fields import Fields
from auditor.collect.alibaba.filling import complete, one_by_one
from auditor.collect.alibaba.paging import WHOLE, gather
from auditor.collect.alibaba.sdk import Request
from auditor.collect.provider import provides
from auditor.facts.cloud.ecs import InstanceRole
from auditor.facts.cloud.ram import AttachedPolicies, Policy, Role, policy_key
from auditor.facts.ref import Layer
from auditor.facts.table import Table

MANAGED_AUTOSCALER_ROLE = "AliyunCSManagedAutoScalerRole"
"""The service role that the autoscaler of a managed cluster takes on by its token Secret."""


def role_names(instance_roles: Table[InstanceRole]) -> set[str]:
    """Return the roles that matter: the autoscaler's own, and those that the nodes carry, as far as known."""
    rows = () if instance_roles.is_unavailable else instance_roles.known_rows()
    return {MANAGED_AUTOSCALER_ROLE, *(row.role_name for row in rows if row.role_name)}


@provides("roles", source="ram", layer=Layer.CLOUD, permissions=("ram:GetRole",), tolerates=("instance_roles",))
def collect_roles(client: CloudClient, instance_roles: Table[InstanceRole]) -> Table[Role]:
    """Fill ``roles``; one that does not exist has a row that says so."""

    def read(name: str) -> Role:
        try:
            answer = Fields(client.call(Request("ram", "GetRole", {"RoleName": name})))
        except CallFailed as failure:
            if failure.is_absent:
                return Role(name, exists=False)
            raise
        role = answer.child("Role")
        role.required("RoleName")
        return Role(name, arn=role.word("Arn"))

    return one_by_one(client, "roles", "ram", role_names(instance_roles), read)


@provides(
    "attached_policies",
    source="ram",
    layer=Layer.CLOUD,
    permissions=("ram:ListPoliciesForRole",),
    tolerates=("instance_roles",),
)
def collect_attached_policies(client: CloudClient, instance_roles: Table[InstanceRole]) -> Table[AttachedPolicies]:
    """Fill ``attached_policies`` for the same roles; one that does not exist has no row."""

    def read(name: str) -> AttachedPolicies:
        request = Request("ram", "ListPoliciesForRole", {"RoleName": name})
        items = complete(gather(client, request, "Policies", "Policy", WHOLE), request)
        keys = [policy_key(item.required("PolicyType"), item.required("PolicyName")) for item in items]
        return AttachedPolicies(name, keys)

    return one_by_one(client, "attached_policies", "ram", role_names(instance_roles), read)


@provides("policies", source="ram", layer=Layer.CLOUD, permissions=("ram:GetPolicy",))
def collect_policies(client: CloudClient, attached_policies: Table[AttachedPolicies]) -> Table[Policy]:
    """Fill ``policies`` with those that are attached, each in its default version."""

    def read(key: str) -> Policy:
        type_, _, name = key.partition("/")
        answer = Fields(client.call(Request("ram", "GetPolicy", {"PolicyType": type_, "PolicyName": name})))
        answer.child("Policy").required("PolicyName")
        # Policy.PolicyDocument is deprecated, and often empty.
        document = answer.child("DefaultPolicyVersion").known("PolicyDocument")
        return Policy(name, type_, document)

    keys = {key for row in attached_policies.known_rows() for key in row.policies}
    return one_by_one(client, "policies", "ram", keys, read, may_be_absent=False)
