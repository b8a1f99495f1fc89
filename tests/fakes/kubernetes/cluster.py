"""The fake cluster: what its API server answers, who may ask it, and what it was asked."""

import base64
import json
import threading
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self

from tests.fakes.kubernetes import recorded
from tests.fakes.kubernetes.faults import Answer, Fault, Faults
from tests.fakes.kubernetes.requests import Request
from tests.fakes.kubernetes.server import Server
from tests.fakes.kubernetes.store import Expired, ListPage, Object, Store, fill

TOKEN = "fake-cluster-token-c2VjcmV0"
SECRET_DATA = base64.b64encode(b"do-not-read-this-password").decode()
"""What every Secret of the fake holds. It must never be seen anywhere else."""
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


class FakeKubernetes:
    """An API server on a port of the loopback interface. Use as a context manager.

    ``objects`` is the store; ``requests`` is what was seen, in order. ``logs`` holds a text by
    ``namespace/name`` of a Pod, for those that shall not have the usual line.
    """

    def __init__(self, port: int = 0, certificate: Path | None = None) -> None:
        """Take the port (0 for a free one) and, for HTTPS, a PEM file with a certificate and its key."""
        self.objects = Store()
        self.faults = Faults()
        self.requests: list[Request] = []
        self.logs: dict[str, str] = {}
        self.token = TOKEN
        self.before_answer: Callable[[Request], object] = lambda _request: None
        self._denied: set[str] = set()
        self._lock = threading.Lock()
        self._documents = recorded.discovery()
        self._server = Server(self._answer, self.faults.met_by, port, certificate)

    @classmethod
    def recorded(cls, port: int = 0, certificate: Path | None = None) -> Self:
        """Return a cluster with the recorded healthy landscape."""
        made = cls(port, certificate)
        fill(made.objects, recorded.lists())
        made.objects.declare("/api/v1/secrets", "Secret", "v1")
        for item in recorded.document("api_v1_secrets.partialmetadata")["items"]:
            secret = {"metadata": item["metadata"], "type": "Opaque", "data": {"password": SECRET_DATA}}
            made.objects.add("/api/v1/secrets", secret)
        return made

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    @property
    def url(self) -> str:
        return self._server.url

    @property
    def permissions_used(self) -> set[str]:
        """The permissions that the requests seen so far needed: ``list pods``, ``get pods/log``."""
        return {request.permission for request in self.requests if request.permission}

    def add(self, path: str, *objects: Object) -> None:
        self.objects.add(path, *objects)

    def replace(self, path: str, *objects: Object) -> None:
        self.objects.replace(path, *objects)

    def remove(self, path: str, name: str, namespace: str = "") -> None:
        self.objects.remove(path, name, namespace)

    def patch(self, path: str, name: str, change: Callable[[Object], object], namespace: str = "") -> None:
        """Let ``change`` alter one object in place."""
        self.objects.patch(path, name, change, namespace)

    def deny(self, *permissions: str) -> None:
        """Take rights away: ``list pods``, ``list volumeattachments.storage.k8s.io``, ``get pods/log``."""
        self._denied |= set(permissions)

    def fail(self, pattern: str, fault: Fault) -> None:
        """Lay a fault on the paths that match."""
        self.faults.lay(pattern, fault)

    def write_kubeconfig(self, path: Path, *, token: str | None = None, authority: Path | None = None) -> Path:
        """Write a kubeconfig with one context, ``fake``; JSON is YAML too."""
        cluster = {"server": self.url, **({"certificate-authority": str(authority)} if authority else {})}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "fake",
            "clusters": [{"name": "fake-cluster", "cluster": cluster}],
            "users": [{"name": "fake-user", "user": {"token": self.token if token is None else token}}],
            "contexts": [{"name": "fake", "context": {"cluster": "fake-cluster", "user": "fake-user"}}],
        }
        path.write_text(json.dumps(document, indent=2), encoding="utf-8")
        return path

    def _answer(self, request: Request, body: bytes) -> Answer:
        with self._lock:
            self.requests.append(request)
        self.before_answer(request)
        if request.headers.get("authorization", "").partition(" ")[2] != self.token:
            return Answer(HTTPStatus.UNAUTHORIZED, recorded.body("errors/401_unauthorized.json"))
        if request.method == "POST" and request.path == REVIEWS:
            return _json(self._review(json.loads(body)), HTTPStatus.CREATED)
        if request.method != "GET":
            return _status(HTTPStatus.METHOD_NOT_ALLOWED, "MethodNotAllowed", "this server is only read")
        if request.path in self._documents:
            return Answer(HTTPStatus.OK, self._documents[request.path])
        if request.path in ("/readyz", "/livez", "/healthz"):
            return Answer(HTTPStatus.OK, b"ok", "text/plain")
        if not request.collection or not self.objects.knows(request.collection):
            return Answer(HTTPStatus.NOT_FOUND, recorded.body("errors/404_no_such_resource_type.txt"), "text/plain")
        if request.permission in self._denied:
            return _status(HTTPStatus.FORBIDDEN, "Forbidden", _denial(request))
        return self._list(request) if request.verb == "list" else self._get(request)

    def _list(self, request: Request) -> Answer:
        try:
            limit, token = int(request.query.get("limit", 0)), request.query.get("continue", "")
            page = self.objects.read(request.collection, request.namespace, limit, token)
        except Expired as expired:
            gone = recorded.document("errors/410_expired_continue")
            gone["metadata"] = {"continue": expired.fresh} if expired.fresh else {}
            return _json(gone, HTTPStatus.GONE)
        except ValueError:
            return _status(HTTPStatus.BAD_REQUEST, "BadRequest", "continue key is not valid")
        kind, api_version = self.objects.kind(request.collection)
        if "as=PartialObjectMetadataList" in request.headers.get("accept", ""):
            partial = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
            page.items = [{**partial, "metadata": thing["metadata"]} for thing in page.items]
            kind, api_version = "PartialObjectMetadata", "meta.k8s.io/v1"
        return _json({"kind": f"{kind}List", "apiVersion": api_version, "metadata": _meta(page), "items": page.items})

    def _get(self, request: Request) -> Answer:
        found = self.objects.get(request.collection, request.name, request.namespace)
        if found is None:
            resource = request.collection.rpartition("/")[2]
            return _status(HTTPStatus.NOT_FOUND, "NotFound", f'{resource} "{request.name}" not found')
        if request.subresource == "log":
            text = self.logs.get(f"{request.namespace}/{request.name}", "a line of log\n")
            return Answer(HTTPStatus.OK, text.encode(), "text/plain")
        kind, api_version = self.objects.kind(request.collection)
        return _json({"kind": kind, "apiVersion": api_version, **found})

    def _review(self, review: dict[str, Any]) -> dict[str, Any]:
        asked = review["spec"]["resourceAttributes"]
        resource = asked["resource"] + (f"/{asked['subresource']}" if asked.get("subresource") else "")
        group = f".{asked['group']}" if asked.get("group") else ""
        return {**review, "status": {"allowed": f"{asked['verb']} {resource}{group}" not in self._denied}}


def _meta(page: ListPage) -> dict[str, Any]:
    more = {"continue": page.token, "remainingItemCount": page.remaining} if page.token else {}
    return {"resourceVersion": str(page.version), **more}


def _denial(request: Request) -> str:
    resource, _, group = request.resource.partition(".")
    where = f'in the namespace "{request.namespace}"' if request.namespace else "at the cluster scope"
    name = f' "{request.name}"' if request.name else ""
    return (
        f'{resource.partition("/")[0]}{name} is forbidden: User "207719364451120883-1795380901" cannot {request.verb} '
        f'resource "{resource}" in API group "{group}" {where}'
    )


def _status(code: int, reason: str, message: str) -> Answer:
    return _json(
        {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            "code": code,
        },
        code,
    )


def _json(document: object, status: int = HTTPStatus.OK) -> Answer:
    return Answer(status, json.dumps(document, separators=(",", ":")).encode())
