"""The servers that NAS volumes and storage classes name, and the paths on them.

A mount target's domain is ``<file system>-<suffix>.<region>.nas.aliyuncs.com``; Extreme NAS has ``.extreme.nas.``, CPFS
``.cpfs.nas.`` ("Mount target" of the NAS documents). Any other server is somebody's own.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from auditor.facts.cloud.nas import FileSystem, MountTarget
from auditor.facts.kubernetes.volumes import NAS_CSI_DRIVER, NAS_FLEX_DRIVER, PersistentVolume, StorageClass

EXTREME = "extreme"
CPFS = "cpfs"
EXTREME_ROOT = "/share"
"""What an Extreme NAS file system exports: every path begins with it ("Mount an Extreme NAS file system")."""
NAS_PROVISIONERS = (NAS_CSI_DRIVER, NAS_FLEX_DRIVER)
WORKING_SYSTEMS = ("running", "extending")
"""The states of a file system that can be mounted; one that is being extended stays in use."""
WORKING_TARGET = "active"

_DOMAIN = re.compile(
    r"^(?P<host>[a-z0-9-]+)\.(?P<region>[a-z0-9-]+)\.(?:(?P<kind>extreme|cpfs)\.)?nas\.aliyuncs\.com$",
)
_ACCESS_POINT = re.compile(r"^ap-[a-z0-9]+(\.|$)")


@dataclass(frozen=True)
class NasServer:
    """A server's name, read: its region, and whether it is of Extreme NAS or CPFS; empty for General-purpose NAS."""

    domain: str
    region: str
    kind: str


@dataclass(frozen=True)
class Place:
    """A directory on a server, as an object names it; ``path`` is None where it names none."""

    server: str
    path: str | None


def read_server(name: str) -> NasServer | None:
    """Return what the name of a mount target says; None for a server that is none of NAS. Case does not matter."""
    domain = name.strip().lower()
    match = _DOMAIN.match(domain)
    if match is None or _ACCESS_POINT.match(domain) or match["host"].startswith("bmcpfs-"):
        return None  # CPFS for Lingjun has a driver and ids of its own
    kind = match["kind"] or next((k for k in (EXTREME, CPFS) if match["host"].startswith(f"{k}-")), "")
    return NasServer(domain, match["region"], kind)


def is_access_point(name: str) -> bool:
    """Tell whether a server's name is that of an access point of NAS, which leads to a mount target."""
    return bool(_ACCESS_POINT.match(name.strip().lower())) and name.strip().lower().endswith(".nas.aliyuncs.com")


def place_of(volume: PersistentVolume) -> Place | None:
    """Return where a NAS volume is mounted from; None for a volume of another kind, or without a server."""
    server = volume.nas_server
    if not server:
        return None
    source = volume.spec
    if source.csi:
        path = (source.csi.volume_attributes or {}).get("path")
    elif source.flex:
        path = (source.flex.options or {}).get("path")
    else:
        path = source.nfs.path if source.nfs else None
    return Place(server, path)


def places_of_class(storage_class: StorageClass) -> list[Place]:
    """Return where a class makes its volumes: ``domain:/path``, several with commas, of which each is used.

    A class whose volumes are file systems of their own (``volumeAs: filesystem``) names none.
    """
    parameters = _parameters(storage_class)
    if parameters.get("volumeAs", "").strip().lower() == "filesystem":
        return []
    places = []
    for entry in parameters.get("server", "").split(","):
        server, _, path = entry.strip().partition(":")
        if server.strip():
            places.append(Place(server.strip(), path.strip() or parameters.get("path")))
    return places


def file_system_of_class(storage_class: StorageClass) -> str:
    """Return the file system that a class names by its id and without a server; empty if it names none."""
    parameters = _parameters(storage_class)
    if parameters.get("server", "").strip() or parameters.get("volumeAs", "").strip().lower() == "filesystem":
        return ""
    return parameters.get("fileSystemId", "").strip()


def starts_with_share(path: str) -> bool:
    """Tell whether a path lies in what an Extreme NAS file system exports."""
    return path.strip() == EXTREME_ROOT or path.strip().startswith(f"{EXTREME_ROOT}/")


def is_extreme(file_system: FileSystem, server: NasServer | None) -> bool:
    """Tell whether a file system is of Extreme NAS: by its type or, where that is not said, by its domain."""
    if file_system.type:
        return file_system.type.lower() == EXTREME
    return server is not None and server.kind == EXTREME


def works(file_system: FileSystem) -> bool:
    """Tell whether the state of a file system that says it is one in which it can be mounted."""
    return (file_system.status or "").lower() in WORKING_SYSTEMS


def domains(targets: Iterable[MountTarget]) -> list[str]:
    """Return the domains of mount targets, in order."""
    return [target.domain for target in targets]


def _parameters(storage_class: StorageClass) -> dict[str, str]:
    return (storage_class.parameters or {}) if storage_class.provisioner in NAS_PROVISIONERS else {}
