"""The fake cluster: what its API server answers, who may ask it, and what it was asked."""

import base64
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self

from tests.fakes.kubernetes import rbac, recorded
from tests.fakes.kubernetes.execs import Execs
from tests.fakes.kubernetes.faults import Answer, Fault, Faults
from tests.fakes.kubernetes.forms import Form
from tests.fakes.kubernetes.logs import Logs, NoLog
from tests.fakes.kubernetes.requests import HEALTH, Request
from tests.fakes.kubernetes.server import Server
from tests.fakes.kubernetes.store import Expired, ListPage, Object, Store, fill
from tests.fakes.kubernetes.versions import NEWEST, ServerVersion, extension_document

TOKEN = "fake-cluster-token-c2VjcmV0"
SECRET_DATA = base64.b64encode(b"do-not-read-this-password").decode()
"""What every Secret of the fake holds. It must never be seen anywhere else."""
SELF_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
SUBJECT_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"

INGRESS_PAGES = {
    "/metrics": (
        "# HELP nginx_ingress_controller_config_last_reload_successful Whether the last configuration reload attempt "
        "was successful\n"
        "# TYPE nginx_ingress_controller_config_last_reload_successful gauge\n"
        'nginx_ingress_controller_config_last_reload_successful{controller_class="k8s.io/ingress-nginx"} 1\n'
        "nginx_ingress_controller_config_last_reload_successful_timestamp_seconds{} 1.763851e+09\n"
    )
}
"""What every Ingress controller of the fake serves, by the path. ``pod_pages`` may hold others by the Pod and path."""


class FakeKubernetes:
    """An API server on a port of the loopback interface. Use as a context manager.

    ``objects`` is the store; ``requests`` is what was seen, in order. ``logs`` holds a text by
    ``namespace/name`` of a Pod, or ``namespace/name/container``, for those that shall not have the usual line, and
    ``previous_logs`` those of the containers before the last restart. ``execs`` is what commands in containers
    print. ``unwell`` holds the parts that a health page (``/livez``, ``/readyz``) says are not well.
    """

    def __init__(self, port: int = 0, certificate: Path | None = None) -> None:
        """Take the port (0 for a free one) and, for HTTPS, a PEM file with a certificate and its key."""
        self.objects = Store()
        self.faults = Faults()
        self.requests: list[Request] = []
        self.container_logs = Logs()
        self.logs = self.container_logs.texts
        self.previous_logs = self.container_logs.previous
        self.execs = Execs()
        self.unwell: dict[str, set[str]] = {}
        self.pod_pages = dict(INGRESS_PAGES)
        self.token = TOKEN
        self.before_answer: Callable[[Request], object] = lambda _request: None
        self._denied: set[str] = set()
        self._lock = threading.Lock()
        self.speaks(f"1.{NEWEST}")
        self._server = Server(self._answer, self.faults.met_by, port, certificate)

    @classmethod
    def recorded(cls, port: int = 0, certificate: Path | None = None, version: str = f"1.{NEWEST}") -> Self:
        """Return a cluster with the recorded healthy landscape, whose server is of the version given."""
        made = cls(port, certificate)
        made.speaks(version)
        fill(made.objects, recorded.lists())
        made.objects.declare("/api/v1/secrets", "Secret", "v1")
        for row in recorded.document("api_v1_secrets.table")["rows"]:
            data = {f"password-{number}": SECRET_DATA for number in range(row["cells"][2])}
            secret = {"metadata": row["object"]["metadata"], "type": row["cells"][1], "data": data}
            made.objects.add("/api/v1/secrets", secret)
        made.container_logs.recorded = recorded.logs()
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

    def speaks(self, version: str) -> None:
        """Let the server be of another version, from 1.18 to 1.36: it serves what such a server has, and as it does.

        Objects are planted under the path of their newest version all the same.
        """
        self._version = ServerVersion(version)
        self._documents = self._version.documents(recorded.discovery())

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

    def grant(self, subject: str, verb: str, resource: str, group: str = "", namespace: str = "") -> None:
        """Give somebody a right by a role and a binding: a user, or a group of the name ``group:NAME``."""
        rbac.grant(self.objects, subject, verb, resource, group, namespace)

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
        if request.method == "POST" and request.path in (SELF_REVIEWS, SUBJECT_REVIEWS):
            if request.permission in self._denied:
                return _status(HTTPStatus.FORBIDDEN, "Forbidden", _denial(request))
            review = self._self_review if request.path == SELF_REVIEWS else self._subject_review
            return _json(review(json.loads(body)), HTTPStatus.CREATED)
        if request.method != "GET":
            return _status(HTTPStatus.METHOD_NOT_ALLOWED, "MethodNotAllowed", "this server is only read")
        if request.path in self._documents:
            return Answer(HTTPStatus.OK, self._documents[request.path])
        if request.path in HEALTH:
            return self._health(request)
        if extension := extension_document(request.path, self.objects.paths()):
            return _json(extension)
        # Rights are looked at before the kind is: a denial says nothing of whether the server has it.
        if request.permission in self._denied:
            return _status(HTTPStatus.FORBIDDEN, "Forbidden", _denial(request))
        stored = self._version.stored(request.collection)
        if not stored or not self.objects.knows(stored):
            return Answer(HTTPStatus.NOT_FOUND, recorded.body("errors/404_no_such_resource_type.txt"), "text/plain")
        return self._list(request, stored) if request.verb == "list" else self._get(request, stored)

    def _list(self, request: Request, stored: str) -> Answer:
        try:
            limit, token = int(request.query.get("limit", 0)), request.query.get("continue", "")
            page = self.objects.read(stored, request.namespace, limit, token)
        except Expired as expired:
            gone = recorded.document("errors/410_expired_continue")
            gone["metadata"] = {"continue": expired.fresh} if expired.fresh else {}
            return _json(gone, HTTPStatus.GONE)
        except ValueError:
            return _status(HTTPStatus.BAD_REQUEST, "BadRequest", "continue key is not valid")
        kind, api_version = self.objects.kind(stored)
        items = [self._version.sent(request.collection, thing) for thing in page.items]
        form = Form(request.headers.get("accept", ""), request.query.get("includeObject", ""))
        return _json(
            form.document(kind, self._version.api_version(request.collection, api_version), _meta(page), items)
        )

    def _proxy(self, request: Request, stored: str) -> Answer:
        """Answer for what a Pod serves on a port: a page by its path for those of an Ingress controller."""
        name, _, port = request.name.partition(":")
        found = self.objects.get(stored, name, request.namespace)
        if found is None:
            return _status(HTTPStatus.NOT_FOUND, "NotFound", f'pods "{name}" not found')
        labels = found["metadata"].get("labels") or {}
        if port != "10254" or "ingress-nginx" not in (labels.get("app"), labels.get("app.kubernetes.io/name")):
            message = f"error trying to reach service: dial tcp 172.20.0.9:{port}: connect: connection refused"
            return _status(HTTPStatus.SERVICE_UNAVAILABLE, "ServiceUnavailable", message)
        path = request.path.partition("/proxy")[2]
        page = self.pod_pages.get(f"{request.namespace}/{name}{path}", self.pod_pages.get(path))
        if page is None:
            return Answer(HTTPStatus.NOT_FOUND, b"404 page not found\n", "text/plain")
        return Answer(HTTPStatus.OK, page.encode(), "text/plain")

    def _get(self, request: Request, stored: str) -> Answer:
        if request.subresource == "proxy":
            return self._proxy(request, stored)
        found = self.objects.get(stored, request.name, request.namespace)
        if found is None:
            resource = request.collection.rpartition("/")[2]
            return _status(HTTPStatus.NOT_FOUND, "NotFound", f'{resource} "{request.name}" not found')
        if request.subresource == "exec":
            return self._exec(request, found)
        if request.subresource == "log":
            try:
                text = self.container_logs.read(found, request.query)
            except NoLog as why:
                return _status(HTTPStatus.BAD_REQUEST, "BadRequest", str(why))
            return Answer(HTTPStatus.OK, text.encode(), "text/plain")
        kind, api_version = self.objects.kind(stored)
        sent = self._version.sent(request.collection, found)
        return _json({"kind": kind, "apiVersion": self._version.api_version(request.collection, api_version), **sent})

    def _exec(self, request: Request, pod: Object) -> Answer:
        """Run a command; beside the right to get, the newest servers ask for that to create."""
        create = replace(request, verb="create")
        with self._lock:
            self.requests.append(create)
        if create.permission in self._denied:
            return _status(HTTPStatus.FORBIDDEN, "Forbidden", _denial(create))
        return self.execs.answer(pod, request)

    def _health(self, request: Request) -> Answer:
        if request.permission in self._denied:
            message = f'forbidden: User "207719364451120883-1795380901" cannot get path "{request.path}"'
            return _status(HTTPStatus.FORBIDDEN, "Forbidden", message)
        name = request.path.strip("/")
        unwell = self.unwell.get(request.path, set())
        if name == "healthz" or ("verbose" not in request.query and not unwell):
            return Answer(HTTPStatus.OK, b"ok", "text/plain")
        page = recorded.body(f"{name}_verbose.txt").decode()
        for part in unwell:
            page = page.replace(f"[+]{part} ok", f"[-]{part} failed: reason withheld")
        if not unwell:
            return Answer(HTTPStatus.OK, page.encode(), "text/plain")
        page = page.replace(f"{name} check passed", f"{name} check failed")
        return Answer(HTTPStatus.INTERNAL_SERVER_ERROR, page.encode(), "text/plain")

    def _subject_review(self, review: dict[str, Any]) -> dict[str, Any]:
        spec = review["spec"]
        why = rbac.why_allowed(self.objects, spec.get("user", ""), spec.get("groups") or [], spec["resourceAttributes"])
        return {**review, "status": {"allowed": True, "reason": why} if why else {"allowed": False}}

    def _self_review(self, review: dict[str, Any]) -> dict[str, Any]:
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
