"""RAM: roles and what they may do."""

import msgspec

from auditor.facts.ref import Ref, cloud_ref


class Role(msgspec.Struct, frozen=True):
    """A RAM role, or the fact that there is none of this name."""

    name: str
    exists: bool = True
    arn: str = ""

    @property
    def key(self) -> str:
        """The role name."""
        return self.name

    @property
    def ref(self) -> Ref:
        """The reference that stands in reports."""
        return cloud_ref("RamRole", self.name)


def policy_key(type_: str, name: str) -> str:
    """Return the key of a policy: a System and a Custom policy may share a name."""
    return f"{type_}/{name}"


class AttachedPolicies(msgspec.Struct, frozen=True):
    """The policies attached to a role, as ``type/name``. Attachments scoped to resource groups are not shown."""

    role_name: str
    policies: list[str] = []

    @property
    def key(self) -> str:
        """The role name."""
        return self.role_name


class Policy(msgspec.Struct, frozen=True):
    """The default version of a policy: its document, as the JSON text that RAM keeps."""

    name: str
    type: str
    document: str | None = None

    @property
    def key(self) -> str:
        """``type/name``."""
        return policy_key(self.type, self.name)
