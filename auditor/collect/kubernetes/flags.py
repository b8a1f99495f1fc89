"""The arguments of containers that are kept: flags that steer a component, with values that can be no secret.

Command lines hold passwords and tokens. So none of their words is kept but the flags listed here, each only if its
value has the form that the flag takes.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_VARIABLE = r"\$\([A-Za-z_][A-Za-z0-9_]*\)"
"""Kubernetes puts the value of an environment variable in its place; the variable itself is not read."""
_NAME = rf"(?:[A-Za-z0-9]|{_VARIABLE})(?:[A-Za-z0-9._/-]|{_VARIABLE}){{0,127}}"
_SWITCH = re.compile(r"(?:true|false|True|False|TRUE|FALSE|t|f|T|F|1|0)\Z")
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h)){1,4}\Z")
_PORT = re.compile(r"\d{1,5}\Z")
_ONE_NAME = re.compile(rf"{_NAME}\Z")
_NAMES = re.compile(rf"{_NAME}(?:,{_NAME}){{0,15}}\Z")
_PROGRAM = re.compile(r"[A-Za-z0-9._/-]{1,128}\Z")
_FLAG = re.compile(r"--?(?P<name>[A-Za-z][A-Za-z0-9-]*)(?:=(?P<value>.*))?\Z", re.DOTALL)


class Steering(NamedTuple):
    """The form of a flag's value, and what the flag is read for."""

    form: re.Pattern[str]
    reason: str

    @property
    def is_switch(self) -> bool:
        """Whether the flag may stand without a value; the word after it is then none of its own."""
        return self.form is _SWITCH


_ELECTION = "which Lease tells that the component is alive, and after how long it counts as dead"
STEERING = {
    "ingress-class": Steering(_ONE_NAME, "which Ingresses the controller serves"),
    "controller-class": Steering(_ONE_NAME, "which IngressClasses the controller serves"),
    "watch-ingress-without-class": Steering(_SWITCH, "whether the controller serves Ingresses without a class"),
    "ingress-class-by-name": Steering(_SWITCH, "which IngressClasses the controller serves"),
    "watch-namespace": Steering(_ONE_NAME, "of which namespace the controller serves Ingresses"),
    "annotations-prefix": Steering(_ONE_NAME, "which annotations of Ingresses the controller reads"),
    "configmap": Steering(_ONE_NAME, "which ConfigMap holds the settings of the Ingress controller"),
    "publish-service": Steering(_ONE_NAME, "the addresses of which Service the Ingresses are published under"),
    "report-node-internal-ip-address": Steering(_SWITCH, "whether Ingresses are published under the nodes' addresses"),
    "http-port": Steering(_PORT, "the port on which the Ingress controller listens"),
    "https-port": Steering(_PORT, "the port on which the Ingress controller listens"),
    "healthz-port": Steering(_PORT, "the port that answers whether the component is well"),
    "election-id": Steering(_ONE_NAME, _ELECTION),
    "leader-elect": Steering(_SWITCH, _ELECTION),
    "leader-elect-lease-duration": Steering(_DURATION, _ELECTION),
    "leader-elect-renew-deadline": Steering(_DURATION, _ELECTION),
    "leader-elect-retry-period": Steering(_DURATION, _ELECTION),
    "leader-elect-resource-lock": Steering(_ONE_NAME, _ELECTION),
    "leader-elect-resource-name": Steering(_ONE_NAME, _ELECTION),
    "leader-elect-resource-namespace": Steering(_ONE_NAME, _ELECTION),
    "leader-election": Steering(_SWITCH, _ELECTION),
    "leader-election-namespace": Steering(_ONE_NAME, _ELECTION),
    "leader-election-lease-duration": Steering(_DURATION, _ELECTION),
    "leader-election-renew-deadline": Steering(_DURATION, _ELECTION),
    "leader-election-retry-period": Steering(_DURATION, _ELECTION),
    "provisioner": Steering(_NAMES, "which volumes the component makes"),
    "provisioner-name": Steering(_NAMES, "which volumes the component makes"),
    "driver": Steering(_NAMES, "which kinds of volumes the storage driver mounts"),
    "driver-name": Steering(_NAMES, "which kinds of volumes the storage driver mounts"),
    "drivername": Steering(_NAMES, "which kinds of volumes the storage driver mounts"),
    "nodeid": Steering(_ONE_NAME, "by which name the storage driver knows its node"),
    "cloud-provider": Steering(_ONE_NAME, "whether the autoscaler is the one of Alibaba Cloud"),
    "expander": Steering(_NAMES, "by what the autoscaler chooses among node pools"),
    "scan-interval": Steering(_DURATION, "how often the autoscaler looks"),
}
"""By name, without the dashes. Families are listed one by one: ``--driver-token`` is not ``--driver``."""


def steering_flags(words: Sequence[str]) -> list[str]:
    """Return the flags that steer a component, as ``--name=value``, or ``--name`` for a switch without value.

    ``--name value`` and ``-name=value`` are brought into this form. All other words are dropped.
    """
    return list(_flags(words))


def steering_words(command: Sequence[str]) -> list[str]:
    """Return the program of a command and the flags that steer it; components may have theirs in either list.

    The program is left out if it is not just a path.
    """
    program = [command[0]] if command and _PROGRAM.match(command[0]) else []
    return [*program, *_flags(command[1:])]


def _flags(words: Sequence[str]) -> Iterator[str]:
    for index, word in enumerate(words):
        match = _FLAG.match(word)
        steering = STEERING.get(match["name"]) if match else None
        if match is None or steering is None:
            continue
        value = match["value"]
        if value is None and not steering.is_switch:
            value = words[index + 1] if index + 1 < len(words) else ""
        if value is None:
            yield f"--{match['name']}"
        elif steering.form.match(value):
            yield f"--{match['name']}={value}"
