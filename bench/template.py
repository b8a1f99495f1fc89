"""Makes many copies of a recorded object: its JSON text is cut once at the names in it that differ between copies."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

NAMESPACES = ("data", "ingress-demo", "logging", "payments", "shop")
"""The namespaces of applications, which are copied; ``kube-system`` is there once."""

ZONE_ADDRESSES = 64
"""The third part of addresses goes up by so much from zone to zone, to leave room for 16,000 nodes in each."""

_TOKEN = re.compile(
    r"(?P<namespace>(?<=\"namespace\":\")(?:{namespaces})(?=\"))"
    r"|(?P<owner>(?<=/)(?:{namespaces})(?=/c[0-9a-f]{{32}}))"
    r"|(?P<range>\b(?:172\.20\.0\.0/16|192\.168\.[012]\.0/24))"
    r"|(?P<machine>\b(?:i|eni)-bp1[0-9a-z]+)"
    r"|(?P<resource>\b(?:d|lb|rsp)-bp1[0-9a-z]+)"
    r"|(?P<uid>\b[0-9a-f]{{8}}(?=-[0-9a-f]{{4}}-[0-9a-f]{{4}}-[0-9a-f]{{4}}-))"
    r"|(?P<balancer>(?<=\"a)[0-9a-f]{{8}}(?=[0-9a-f]{{23}}\"))"
    r"|(?P<attachment>\bcsi-[0-9a-f]{{64}})"
    r"|(?P<address>\b192\.168\.[012]\.\d+)"
    r"|(?P<pod>\b172\.20\.\d+\.\d+)"
    r"|(?P<host>\b[a-z]+\.example\.com)"
    r"|(?P<public>\b203\.0\.113\.\d+)"
    r"|(?P<name>(?<=\")(?:kube-api-access-[0-9a-z]{{5}}|mysql-backup-disk|log-archive-nas"
    r"|(?:ack-node-problem-detector-daemonset|csi-plugin|kube-flannel-ds|kube-proxy-worker|syslog-gateway)-[0-9a-z]{{5}})(?=\"))".format(
        namespaces="|".join(NAMESPACES)
    )
)


@dataclass(frozen=True)
class Copy:
    """What distinguishes one copy.

    Attributes:
        number: of the copy; 0 is like what was recorded.
        group: of the nodes that it runs on; each group holds a copy of every recorded node.
        addresses: the recorded address of each node, with its zone and its place there, both from 0.
        is_of_nodes: whether it is the group itself, with its DaemonSets, whose namespaces are there once.
    """

    number: int
    group: int
    addresses: Mapping[str, tuple[int, int]]
    is_of_nodes: bool = False

    def renamed(self, kind: str, name: str) -> str:
        """Return the name that stands in this copy for a recorded one."""
        return _RENAME[kind](self, name)

    @cached_property
    def suffix(self) -> str:
        """What ids are lengthened by."""
        return f"{self.number:04x}" if self.number else ""


@dataclass
class Template:
    """One recorded object (or several), ready to be copied."""

    parts: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, recorded: Any) -> "Template":
        """Cut the JSON text of an object."""
        text = json.dumps(recorded, separators=(",", ":"), ensure_ascii=False)
        template, end = cls(), 0
        for match in _TOKEN.finditer(text):
            template.parts += [text[end : match.start()], match[0]]
            template.kinds.append(match.lastgroup or "")
            end = match.end()
        template.parts.append(text[end:])
        return template

    def text(self, copy: Copy) -> str:
        """Return the JSON text of one copy."""
        parts = list(self.parts)
        for index, kind in enumerate(self.kinds):
            parts[2 * index + 1] = copy.renamed(kind, parts[2 * index + 1])
        return "".join(parts)

    def load(self, copy: Copy) -> Any:
        """Return one copy as an object."""
        return json.loads(self.text(copy))


def _namespace(copy: Copy, name: str) -> str:
    return name if copy.is_of_nodes or not copy.number else f"{name}-{copy.number}"


def _range(_copy: Copy, cidr: str) -> str:
    if cidr.startswith("172."):
        return "10.128.0.0/9"
    zone = int(cidr.split(".")[2])
    return f"192.168.{zone * ZONE_ADDRESSES}.0/18"


def _machine(copy: Copy, name: str) -> str:
    return f"{name}{copy.group:04x}" if copy.group else name


def _uid(copy: Copy, start: str) -> str:
    # Any odd factor keeps the copies apart.
    return f"{(int(start, 16) + copy.number * 0x9E3779B1) % 2**32:08x}"


def _address(copy: Copy, address: str) -> str:
    third, fourth = (int(part) for part in address.split(".")[2:])
    if address in copy.addresses:
        zone, place = copy.addresses[address]
        place += copy.group * len(copy.addresses)
        return f"192.168.{zone * ZONE_ADDRESSES + place // 250}.{place % 250 + 4}"
    if fourth == SHARED_ADDRESS and copy.number:
        return f"10.{copy.number // 250}.{copy.number % 250}.{fourth}"
    return f"192.168.{third * ZONE_ADDRESSES}.{fourth}"


SHARED_ADDRESS = 150
"""The last part of the address of the load balancer that Services of a copy share."""


def _pod(copy: Copy, address: str) -> str:
    # Each recorded Pod has an address of its own in 172.20.0.0/22: that many are set aside for each copy.
    third, fourth = (int(part) for part in address.split(".")[2:])
    number = copy.number * 1024 + third * 256 + fourth
    return f"10.{128 + number // 65536}.{number // 256 % 256}.{number % 256}"


def _public(copy: Copy, address: str) -> str:
    return f"198.{18 + copy.number // 250}.{copy.number % 250}.{address.rpartition('.')[2]}" if copy.number else address


def _host(copy: Copy, host: str) -> str:
    return f"{copy.number}.{host}" if copy.number else host


_RENAME: Mapping[str, Callable[[Copy, str], str]] = {
    "namespace": _namespace,
    "owner": _namespace,
    "range": _range,
    "machine": _machine,
    "resource": lambda copy, name: name + copy.suffix,
    "uid": _uid,
    "balancer": _uid,
    "attachment": lambda copy, name: name[: len(name) - len(copy.suffix)] + copy.suffix,
    "address": _address,
    "pod": _pod,
    "host": _host,
    "public": _public,
    "name": lambda copy, name: name + copy.suffix,
}
