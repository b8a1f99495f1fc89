"""The logs of the fake cluster's containers, cut as a kubelet cuts them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tests.fakes.kubernetes.store import Object

NOW = datetime(2026, 11, 22, 22, 40, 35, tzinfo=UTC)
"""The moment at which the recorded cluster was looked at."""
_STAMPED = re.compile(r"^(\d{4}-\d\d-\d\dT[\d:.]+Z) ")


class NoLog(Exception):  # noqa: N818
    """There is no such log; the words of the API server."""


@dataclass
class Logs:
    """Texts by ``namespace/pod/container``, or by ``namespace/pod`` for every container of a Pod; else the recorded.

    A line may begin with its time (``2026-11-22T22:40:35.123Z ``), which is shown only if it is asked for; lines
    without one were written a second apart, the last one now.
    """

    texts: dict[str, str] = field(default_factory=dict)
    recorded: dict[str, str] = field(default_factory=dict)
    previous: dict[str, str] = field(default_factory=dict)
    now: datetime = NOW

    def read(self, pod: Object, query: Mapping[str, str]) -> str:
        """Return a log as it is asked for. Raises NoLog."""
        meta = pod["metadata"]
        container = query.get("container") or _only_container(pod)
        if container not in _containers(pod):
            raise NoLog(f"container {container} is not valid for pod {meta['name']}")
        stated = {status["name"]: status for status in pod.get("status", {}).get("containerStatuses") or []}
        waiting = stated.get(container, {}).get("state", {}).get("waiting")
        keys = (f"{meta['namespace']}/{meta['name']}/{container}", f"{meta['namespace']}/{meta['name']}")
        if query.get("previous") == "true":
            text = next((self.previous[key] for key in keys if key in self.previous), None)
            if text is None:
                raise NoLog(f'previous terminated container "{container}" in pod "{meta["name"]}" not found')
        elif waiting and waiting.get("reason") == "ContainerCreating":
            raise NoLog(f'container "{container}" in pod "{meta["name"]}" is waiting to start: ContainerCreating')
        else:
            usual = self.recorded.get(keys[0], "a line of log\n")
            text = next((self.texts[key] for key in keys if key in self.texts), usual)
        return self._cut(text.splitlines(), query)

    def _cut(self, lines: list[str], query: Mapping[str, str]) -> str:
        timed = [self._time(line, len(lines) - number - 1) for number, line in enumerate(lines)]
        if "sinceSeconds" in query:
            since = self.now - timedelta(seconds=int(query["sinceSeconds"]))
            timed = [(time, line) for time, line in timed if time >= since]
        if "tailLines" in query:
            timed = timed[max(len(timed) - int(query["tailLines"]), 0) :]
        stamps = query.get("timestamps") == "true"
        text = "".join(f"{_stamp(time)} {line}\n" if stamps else f"{line}\n" for time, line in timed)
        # A kubelet stops after so many bytes: it is the newest lines that are lost.
        limit = int(query.get("limitBytes", 0))
        return text.encode()[:limit].decode(errors="ignore") if limit else text

    def _time(self, line: str, before: int) -> tuple[datetime, str]:
        match = _STAMPED.match(line)
        if match:
            return datetime.fromisoformat(match[1]), line[match.end() :]
        return self.now - timedelta(seconds=before), line


def _stamp(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.%f000Z")


def _containers(pod: Object) -> list[str]:
    spec = pod["spec"]
    return [container["name"] for container in (*spec["containers"], *(spec.get("initContainers") or ()))]


def _only_container(pod: Object) -> str:
    names = [container["name"] for container in pod["spec"]["containers"]]
    if len(names) > 1:
        raise NoLog(f"a container name must be specified for pod {pod['metadata']['name']}, choose one of: {names}")
    return str(names[0])
