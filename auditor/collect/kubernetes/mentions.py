"""Looking for addresses in texts that may hold secrets: nothing of a text is kept but the address that was found."""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from typing import ClassVar
from urllib.parse import unquote

import msgspec

from auditor.facts.kubernetes.meta import KubernetesObject, Meta

_WORD = re.compile(r"[\w.-]+")
_IPV6 = re.compile(r"(?<![\w.:])[0-9A-Fa-f:]*:[0-9A-Fa-f:.]+(?![\w:])")

Place = tuple[str, str]
"""Where a text stands (``env FOO of container app``), and the text."""


class Addresses:
    """The addresses and hosts that are looked for."""

    def __init__(self, addresses: Iterable[str]) -> None:
        """Take them as they stand in objects. A host ``*.example.com`` stands for all of one label below it."""
        self._plain: dict[str, str] = {}
        self._wildcards: dict[str, str] = {}
        self._ipv6: dict[str, str] = {}
        for address in addresses:
            name = address.strip().rstrip(".").lower()
            if name.startswith("*."):
                self._wildcards[name.removeprefix("*.")] = address
            elif ":" in name:
                self._ipv6[_spelled(name)] = address
            elif name:
                self._plain[name] = address

    def __bool__(self) -> bool:
        """Tell whether there is anything to look for."""
        return bool(self._plain or self._wildcards or self._ipv6)

    def in_text(self, text: str) -> set[str]:
        """Return those that stand in a text, as a whole: not as a part of a longer address or name."""
        if "%" in text:
            text = f"{text} {unquote(text)}"
        found: set[str] = set()
        if self._plain or self._wildcards:
            for word in _WORD.findall(text.lower()):
                name = word.rstrip(".")
                if name in self._plain:
                    found.add(self._plain[name])
                elif self._wildcards:
                    label, _, parent = name.partition(".")
                    if label and parent in self._wildcards:
                        found.add(self._wildcards[parent])
        if self._ipv6 and ":" in text:
            found |= {self._ipv6[name] for word in _IPV6.findall(text) if (name := _spelled(word)) in self._ipv6}
        return found


def _spelled(address: str) -> str:
    """Return the one spelling of an IPv6 address; a text that is none as it is."""
    try:
        return ipaddress.ip_address(address).compressed
    except ValueError:
        return address


class _Env(msgspec.Struct, frozen=True):
    name: str = ""
    value: str | None = None


class _Container(msgspec.Struct, frozen=True):
    name: str
    env: list[_Env] | None = None
    args: list[str] | None = None
    command: list[str] | None = None


class _HostAlias(msgspec.Struct, frozen=True):
    ip: str = ""
    hostnames: list[str] | None = None


class WholeSpec(msgspec.Struct, rename="camel", frozen=True):
    """The parts of a Pod that may name an address, values included."""

    containers: list[_Container] = []
    init_containers: list[_Container] | None = None
    host_aliases: list[_HostAlias] | None = None

    def places(self) -> Iterator[Place]:
        """Yield all texts that may name an address."""
        for container in (*self.containers, *(self.init_containers or ())):
            for env in container.env or ():
                yield f"env {env.name} of container {container.name}", env.value or ""
            yield f"args of container {container.name}", "\n".join(container.args or ())
            yield f"command of container {container.name}", "\n".join(container.command or ())
        for alias in self.host_aliases or ():
            yield "hostAliases", " ".join([alias.ip, *(alias.hostnames or ())])


class _Template(msgspec.Struct, frozen=True):
    spec: WholeSpec = WholeSpec()


class _WorkloadSpec(msgspec.Struct, frozen=True):
    # Not called `template`: what is read by that name has its arguments cut down to a few flags when it is decoded.
    makes: _Template = msgspec.field(default=_Template(), name="template")


class WholeWorkload(KubernetesObject, frozen=True):
    """A workload with all of its template that may name an address. Never kept."""

    metadata: Meta
    spec: _WorkloadSpec

    def places(self) -> Iterator[Place]:
        """Yield all texts that may name an address."""
        return self.spec.makes.spec.places()


class WholeDeployment(WholeWorkload, frozen=True):
    """A Deployment."""

    KIND: ClassVar[str] = "Deployment"


class WholeStatefulSet(WholeWorkload, frozen=True):
    """A StatefulSet."""

    KIND: ClassVar[str] = "StatefulSet"


class WholeDaemonSet(WholeWorkload, frozen=True):
    """A DaemonSet."""

    KIND: ClassVar[str] = "DaemonSet"


class _JobTemplate(msgspec.Struct, frozen=True):
    spec: _WorkloadSpec = _WorkloadSpec()


class _CronJobSpec(msgspec.Struct, rename="camel", frozen=True):
    job_template: _JobTemplate = _JobTemplate()


class WholeCronJob(KubernetesObject, frozen=True):
    """A CronJob with all of its template that may name an address. Never kept."""

    KIND: ClassVar[str] = "CronJob"

    metadata: Meta
    spec: _CronJobSpec

    def places(self) -> Iterator[Place]:
        """Yield all texts that may name an address."""
        return self.spec.job_template.spec.makes.spec.places()


class WholeConfigMap(KubernetesObject, frozen=True):
    """A ConfigMap. Never kept."""

    KIND: ClassVar[str] = "ConfigMap"

    metadata: Meta
    data: dict[str, str] | None = None

    def places(self) -> Iterator[Place]:
        """Yield all texts that may name an address."""
        for key, value in (self.data or {}).items():
            yield f"data {key}", value


class WholePod(KubernetesObject, frozen=True):
    """A Pod with all that may name an address. Never kept."""

    KIND: ClassVar[str] = "Pod"

    metadata: Meta
    spec: WholeSpec

    def places(self) -> Iterator[Place]:
        """Yield all texts that may name an address."""
        return self.spec.places()
