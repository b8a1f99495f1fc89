"""RAM (product ``ram``): roles and policies."""

import json
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.cloud import recorded
from tests.fakes.cloud.paging import by_token
from tests.fakes.cloud.wire import Json, Parameters, not_found

LISTED = ("Arn", "CreateDate", "Description", "MaxSessionDuration", "RoleId", "RoleName", "UpdateDate")


@dataclass
class RamState:
    """What RAM knows.

    Attributes:
        roles: by name, in the form of GetRole.
        attachments: the policies attached to a role, by role name, in the form of ListPoliciesForRole.
        policies: by ``type/name``, in the form of GetPolicy, without the document.
        policy_versions: by ``type/name`` and version id, in the form of GetPolicyVersion.
    """

    roles: dict[str, Json] = field(default_factory=dict)
    attachments: dict[str, list[Json]] = field(default_factory=dict)
    policies: dict[str, Json] = field(default_factory=dict)
    policy_versions: dict[str, dict[str, Json]] = field(default_factory=dict)

    @classmethod
    def recorded(cls) -> "RamState":
        """Return the recorded state."""
        state = cls()
        for role in recorded.answer("ram/ListRoles.json")["Roles"]["Role"]:
            state.roles[role["RoleName"]] = role
        for answer in recorded.answers("ram", "GetRole"):
            name = answer["Role"]["RoleName"]
            state.roles[name] |= answer["Role"]
            listed = recorded.answer(f"ram/ListPoliciesForRole.{name}.json")
            state.attachments[name] = listed["Policies"]["Policy"]
        for answer in recorded.answers("ram", "GetPolicy"):
            policy, version = answer["Policy"], answer["DefaultPolicyVersion"]
            policy.pop("PolicyDocument")
            key = f"{policy['PolicyType']}/{policy['PolicyName']}"
            state.policies[key] = policy
            state.policy_versions[key] = {version["VersionId"]: version}
        return state

    def document(self, key: str) -> Any:
        """Return the document of a policy's default version, decoded; ``key`` is ``type/name``."""
        return json.loads(self._default(key)["PolicyDocument"])

    def set_document(self, key: str, document: Json | str) -> None:
        """Replace the document of a policy's default version; a string is taken as it is."""
        text = document if isinstance(document, str) else json.dumps(document)
        self._default(key)["PolicyDocument"] = text

    def add_policy(self, name: str, kind: str, document: Json) -> str:
        """Add a policy of type ``Custom`` or ``System``; return its key."""
        key = f"{kind}/{name}"
        self.policies[key] = {"AttachmentCount": 0, "DefaultVersion": "v1", "PolicyName": name, "PolicyType": kind}
        version = {"IsDefaultVersion": True, "VersionId": "v1", "PolicyDocument": json.dumps(document)}
        self.policy_versions[key] = {"v1": version}
        return key

    def add_role(self, name: str, document: Json | None = None) -> Json:
        """Add a role without policies."""
        self.roles[name] = {
            "Arn": f"acs:ram::1098765432101234:role/{name.lower()}",
            "AssumeRolePolicyDocument": json.dumps(document or {"Statement": [], "Version": "1"}),
            "MaxSessionDuration": 3600,
            "RoleName": name,
        }
        self.attachments[name] = []
        return self.roles[name]

    def attach(self, role: str, key: str) -> None:
        """Attach a policy, known or not, to a role."""
        kind, _, name = key.partition("/")
        version = self.policies.get(key, {}).get("DefaultVersion", "v1")
        policy = {"AttachDate": "2026-11-22T22:30:00Z", "DefaultVersion": version, "Description": ""}
        self.attachments.setdefault(role, []).append({**policy, "PolicyName": name, "PolicyType": kind})

    def detach(self, role: str, key: str) -> None:
        """Take a policy away from a role."""
        self.attachments[role] = [
            entry for entry in self.attachments[role] if f"{entry['PolicyType']}/{entry['PolicyName']}" != key
        ]

    def _default(self, key: str) -> Json:
        return self.policy_versions[key][self.policies[key]["DefaultVersion"]]


def get_role(ram: RamState, params: Parameters) -> Json:
    """Return one role."""
    return {"Role": _role(ram, params)}


def list_roles(ram: RamState, params: Parameters) -> Json:
    """Return a page of the roles, without their trust policies."""
    page = by_token(list(ram.roles.values()), params, largest=1000, default=100, size="MaxItems", token="Marker")
    roles = [{key: role[key] for key in LISTED if key in role} for role in page.items]
    answer = {"IsTruncated": bool(page.token), "Roles": {"Role": roles}}
    return answer | ({"Marker": page.token} if page.token else {})


def list_policies_for_role(ram: RamState, params: Parameters) -> Json:
    """Return the policies attached to one role."""
    role = _role(ram, params)
    return {"Policies": {"Policy": ram.attachments.get(role["RoleName"], [])}}


def get_policy(ram: RamState, params: Parameters) -> Json:
    """Return one policy with its default version."""
    key = _policy(ram, params)
    policy = ram.policies[key]
    version = ram.policy_versions[key][policy["DefaultVersion"]]
    return {"DefaultPolicyVersion": version, "Policy": {**policy, "PolicyDocument": version["PolicyDocument"]}}


def get_policy_version(ram: RamState, params: Parameters) -> Json:
    """Return one version of one policy."""
    key = _policy(ram, params)
    version = ram.policy_versions[key].get(params.required("VersionId"))
    if version is None:
        message = f"The policy version not exists: {params.text('VersionId')}."
        raise not_found("EntityNotExist.Policy.Version", message)
    return {"PolicyVersion": version}


OPERATIONS = {
    "GetRole": get_role,
    "ListRoles": list_roles,
    "ListPoliciesForRole": list_policies_for_role,
    "GetPolicy": get_policy,
    "GetPolicyVersion": get_policy_version,
}


def _role(ram: RamState, params: Parameters) -> Json:
    name = params.required("RoleName")
    if name not in ram.roles:
        raise not_found("EntityNotExist.Role", f"The role not exists: {name}.")
    return ram.roles[name]


def _policy(ram: RamState, params: Parameters) -> str:
    name = params.required("PolicyName")
    key = f"{params.required('PolicyType')}/{name}"
    if key not in ram.policies:
        raise not_found("EntityNotExist.Policy", f"The policy not exists: {name}.")
    return key
