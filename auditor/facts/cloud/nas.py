"""NAS: file systems, mount targets and permission groups."""

import msgspec

from auditor.facts.ref import Ref, cloud_ref


class MountTarget(msgspec.Struct, frozen=True):
    """The address under which a file system is mounted."""

    domain: str
    status: str | None = None
    access_group: str | None = None
    network_type: str | None = None
    vpc_id: str | None = None
    vswitch_id: str | None = None


class FileSystem(msgspec.Struct, frozen=True):
    """A NAS file system; ``type`` is ``standard``, ``extreme`` or ``cpfs``."""

    id: str
    type: str | None = None
    protocol: str | None = None
    status: str | None = None
    zone: str | None = None
    mount_targets: list[MountTarget] | None = None
    metered_bytes: int | None = None

    @property
    def key(self) -> str:
        """The file system id."""
        return self.id

    @property
    def ref(self) -> Ref:
        """The reference that stands in reports."""
        return cloud_ref("FileSystem", self.id)


class AccessRule(msgspec.Struct, frozen=True):
    """A rule of a permission group; priority 1 is the strongest. ``access`` is ``RDWR`` or ``RDONLY``."""

    id: str
    priority: int
    access: str
    cidr: str = ""
    cidr6: str = ""
    user_access: str = ""


def access_group_key(file_system_type: str, group: str) -> str:
    """Return the key of a permission group: each type of file system has a namespace of groups of its own."""
    return f"{file_system_type}/{group}"


class AccessGroupRules(msgspec.Struct, frozen=True):
    """The rules of one permission group."""

    file_system_type: str
    name: str
    rules: list[AccessRule] = []

    @property
    def key(self) -> str:
        """``type/name``."""
        return access_group_key(self.file_system_type, self.name)


class DirectoryQuota(msgspec.Struct, frozen=True):
    """What is counted below one directory that has a quota. ``files`` and ``gib`` are None where not said."""

    path: str
    files: int | None = None
    gib: int | None = None


class DirectoryQuotas(msgspec.Struct, frozen=True):
    """The directories of one file system that have a quota; most have none, and then nothing is counted."""

    file_system_id: str
    quotas: list[DirectoryQuota] = []

    @property
    def key(self) -> str:
        """The file system id."""
        return self.file_system_id
