"""The two sides of a generated cluster, in a process of their own: prebuilt lists over HTTP, and the fake cloud.

Written to standard output at the start, as JSON: where to ask. Each line on standard input is answered by the
number of cloud calls since the last one, by action. The end of the input ends the process.
"""

import contextlib
import http.server
import json
import os
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import IO, Any
from urllib.parse import parse_qs, urlsplit

from bench.cluster import Cluster, Size
from bench.objects import not_there, single
from tests.fakes.cloud import ACCESS_KEY_ID, ACCESS_KEY_SECRET, CloudState, FakeCloud

HOST = "127.0.0.1"
PAGE = 500


class PrebuiltLists:
    """The bytes of all pages, in an unnamed file, so that sending them costs next to nothing."""

    def __init__(self, cluster: Cluster, file: IO[bytes], only: str = "") -> None:
        """Write the pages. ``only`` is the path of the one list that is wanted, if not all are."""
        self.file = file
        self._cluster = cluster
        self.items: dict[str, int] = {}
        self._places: dict[tuple[str, int], tuple[int, int]] = {}
        for path, (kind, version, texts) in cluster.lists().items():
            if not only or path == only:
                self._write(path, kind, version, texts)
        file.flush()

    def single(self, path: str) -> bytes | None:
        """Return the answer for one object, a list of one namespace or a health page; None if it is not there."""
        return single(self._cluster, path)

    def place(self, path: str, page: int) -> tuple[int, int] | None:
        """Return where a page begins in the file and how long it is; None if there is no such list."""
        return self._places.get((path, page))

    def _write(self, path: str, kind: str, version: str, texts: Iterator[str]) -> None:
        # Pages are counted from the first; how many items remain would have to be known before they are made.
        self.items[path] = 0
        ahead = list(islice(texts, PAGE))
        page = 0
        while True:
            items, ahead = ahead, list(islice(texts, PAGE))
            meta = {"resourceVersion": "1000", **({"continue": str(page + 1)} if ahead else {})}
            head = json.dumps({"kind": kind, "apiVersion": version, "metadata": meta})
            body = f'{head[:-1]},"items":[{",".join(items)}]}}'.encode()
            self._places[path, page] = (self.file.tell(), len(body))
            self.file.write(body)
            self.items[path] += len(items)
            page += 1
            if not ahead:
                return


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, lists: PrebuiltLists, delay: float) -> None:
        super().__init__((HOST, 0), _Handler)
        self.lists = lists
        self.delay = delay
        self.waiting = threading.Event()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        self.server.waiting.wait(self.server.delay)
        if url.path == "/version":
            self._head(200, 2)
            self.wfile.write(b"{}")
            return
        place = self.server.lists.place(url.path, int(parse_qs(url.query).get("continue", ["0"])[0]))
        if place is None:
            found = self.server.lists.single(url.path)
            body = not_there(url.path) if found is None else found
            self._head(404 if found is None else 200, len(body))
            self.wfile.write(body)
            return
        start, length = place
        self._head(200, length)
        self.wfile.flush()
        end = start + length
        while start < end:
            start += os.sendfile(self.connection.fileno(), self.server.lists.file.fileno(), start, end - start)

    def _head(self, status: int, length: int) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the library's
        """Say nothing."""


@contextlib.contextmanager
def serving(lists: PrebuiltLists, delay: float) -> Iterator[str]:
    """Serve the lists, each answer after a delay in seconds; the value is the base URL."""
    server = _Server(lists, delay)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield f"http://{HOST}:{server.server_port}"
    finally:
        server.waiting.set()
        server.shutdown()
        server.server_close()


def main(argument: str) -> None:
    """Serve until the input ends.

    ``argument`` is JSON: ``size`` of the cluster, ``only`` one list (and no cloud), ``list_delay`` and
    ``cloud_delay`` in seconds before each answer.
    """
    wanted: dict[str, Any] = json.loads(argument)
    cluster = Cluster(Size(*wanted["size"]))
    with contextlib.ExitStack() as stack:
        only = wanted.get("only", "")
        lists = PrebuiltLists(cluster, stack.enter_context(tempfile.TemporaryFile()), only)
        started: dict[str, Any] = {
            "kubernetes": stack.enter_context(serving(lists, wanted.get("list_delay", 0.0))),
            "items": lists.items,
        }
        calls = []
        if not only:
            cloud = FakeCloud(cluster.cloud)
            if wanted.get("cloud_delay"):
                cloud.delay("*", wanted["cloud_delay"])
            started |= {
                "cloud": stack.enter_context(cloud.serve()),
                "cluster_id": cloud.state.cs.cluster_id,
                "access_key": (ACCESS_KEY_ID, ACCESS_KEY_SECRET),
                "cloud_items": _counted(cloud.state),
            }
            calls = cloud.calls
        _say(started)
        for _ in sys.stdin:
            counts = Counter(call.permission for call in calls)
            calls.clear()
            _say(counts)


def _counted(state: CloudState) -> dict[str, int]:
    scaling = [pool for pool in state.cs.node_pools[state.cs.cluster_id].values() if pool["auto_scaling"]["enable"]]
    return {
        "instances": len(state.ecs.instances),
        "disks": len(state.ecs.disks),
        "network interfaces": len(state.ecs.network_interfaces),
        "security groups": len(state.ecs.security_groups),
        "prefix lists": len(state.ecs.prefix_lists),
        "roles": len({*state.ecs.instance_roles.values()}) + 1,  # and that of the autoscaler
        "load balancers": len(state.slb.load_balancers),
        "listeners": len(state.slb.listeners),
        "server groups": len(state.slb.vserver_groups),
        "access lists": len({one for listener in state.slb.listeners.values() for one in listener.get("AclIds", [])}),
        "routes": sum(len(table) for table in state.vpc.route_entries.values()),
        "scaling groups": len(scaling),
        "stocks": len({one for pool in scaling for one in pool["scaling_group"]["instance_types"]}),
    }


def _say(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
