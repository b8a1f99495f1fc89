"""From a request to an answer, whichever way the request came."""

import copy
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.fakes.cloud import cs, signature
from tests.fakes.cloud.faults import Fault, Faults, Kind
from tests.fakes.cloud.products import BY_VERSION, PRODUCTS, Product, forbidden, is_read, served_by, throttled
from tests.fakes.cloud.state import CloudState
from tests.fakes.cloud.wire import ApiError, Call, Json, Parameters

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


class CutError(Exception):
    """The connection is to end without an answer."""


class Request(NamedTuple):
    """A request as it came in; the names of the headers are in lower case."""

    method: str
    host: str
    target: str
    headers: Mapping[str, str]
    body: str


class Reply(NamedTuple):
    """What goes back. ``sent`` is how many bytes go out before the connection ends, None for all."""

    status: int
    content_type: str
    body: bytes
    sent: int | None = None


@dataclass
class Gateway:
    """Answers requests out of a state.

    Attributes:
        state: what the account holds.
        check_signatures: whether only signed calls are answered.
        page_limit: the most items of a page, None for what the caller asks for.
        faults: what is planted between caller and answer.
        calls: the calls that were understood, in the order of arrival.
        refused: those among them that would have changed something.
        closing: set when delayed answers are to be given at once.
    """

    state: CloudState
    check_signatures: bool = True
    page_limit: int | None = None
    faults: Faults = field(default_factory=Faults)
    calls: list[Call] = field(default_factory=list)
    refused: list[Call] = field(default_factory=list)
    closing: Event = field(default_factory=Event)
    _lock: Lock = field(default_factory=Lock)

    def answer(self, request: Request) -> Reply:
        """Answer a request; raises ``CutError`` where the connection is to end without an answer."""
        product = _product(request)
        try:
            call = self._call(request, product)
            self._check_signature(request, call)
            return self._answer(product, call)
        except ApiError as error:
            return Reply(error.status, JSON, encoded(error_body(product, error)))

    def _call(self, request: Request, product: Product) -> Call:
        parts = urlsplit(request.target)
        params = dict(parse_qsl(parts.query, keep_blank_values=True))
        if request.headers.get("content-type", "").startswith(FORM):
            params |= dict(parse_qsl(request.body, keep_blank_values=True))
        if product.name == "cs":
            action, from_path = cs.action_of(unquote(parts.path))
            action = action if request.method == "GET" else f"{request.method} {unquote(parts.path)}"
            call = Call("cs", action or f"Get {parts.path}", params | from_path)
        else:
            call = Call(product.name, params.get("Action", ""), params)
        with self._lock:
            self.calls.append(call)
            if call.action and not is_read(call.action):
                self.refused.append(call)
                message = f"Only reads are answered here, and {call.action} is none."
                raise ApiError("OperationDenied.ReadOnly", message, 403)
        misdirected = served_by(request.host) not in ("", product.name)
        if misdirected or call.action not in _operations(product, call):
            message = "Specified api is not found, please check your url and method."
            raise ApiError("InvalidAction.NotFound", message, 404, by_gateway=True)
        return call

    def _check_signature(self, request: Request, call: Call) -> None:
        if not self.check_signatures:
            return
        try:
            if call.product == "cs":
                parts = urlsplit(request.target)
                query = dict(parse_qsl(parts.query, keep_blank_values=True))
                signature.check_roa(self.state.sts, request.method, unquote(parts.path), query, request.headers)
            else:
                signature.check_rpc(self.state.sts, request.method, call.params)
        except ApiError as error:
            error.by_gateway = True
            raise

    def _answer(self, product: Product, call: Call) -> Reply:
        changes: list[Fault] = []
        halfway = False
        for fault in self.faults.of(call):
            match fault.kind:
                case Kind.DELAY:
                    self.closing.wait(fault.seconds)
                case Kind.DENY:
                    raise forbidden(product, call.action)
                case Kind.THROTTLE:
                    raise throttled(product)
                case Kind.FAIL:
                    return Reply(fault.status, fault.content_type, fault.body.encode())
                case Kind.CUT if not fault.halfway:
                    raise CutError(call.name)
                case Kind.CUT:
                    halfway = True
                case Kind.MUTATE:
                    changes.append(fault)
        body = encoded(self._changed(self._operate(product, call), changes))
        return Reply(200, JSON, body, len(body) // 2 if halfway else None)

    def _operate(self, product: Product, call: Call) -> Any:
        with self._lock:
            operation = _operations(product, call)[call.action]
            answer = operation(getattr(self.state, product.name), Parameters(call.params, self.page_limit))
            # The answer holds parts of the state, which nobody may edit by way of it.
            answer = copy.deepcopy(answer)
        return answer if product.name == "cs" else {**answer, "RequestId": request_id()}

    def _changed(self, answer: Any, changes: list[Fault]) -> Any:
        for fault in changes:
            changed = fault.change(answer) if fault.change else None
            answer = answer if changed is None else changed
        return answer


def _operations(product: Product, call: Call) -> dict[str, Callable[[Any, Any], Any]]:
    # Container Service is told its version by a header, and has only one.
    return product.operations if product.name == "cs" else product.served(call.params.get("Version", "none"))


def _product(request: Request) -> Product:
    """Return the product that a request is for; one that cannot be told is answered as ECS would."""
    parts = urlsplit(request.target)
    if parts.path not in ("", "/"):
        return PRODUCTS["cs"]
    params = dict(parse_qsl(parts.query)) | dict(parse_qsl(request.body))
    return BY_VERSION.get(params.get("Version", ""), PRODUCTS["ecs"])


def error_body(product: Product, error: ApiError) -> Json:
    """Return the body of an error: CS speaks in lower case, unless its gateway answers."""
    number = request_id()
    if product.name == "cs" and not error.by_gateway:
        status = {"status": error.status}
        return {"code": error.code, "message": error.message, "requestId": number, **status, **error.details}
    query = f"q={error.code}&product={product.title}&requestId={number}"
    return {
        "RequestId": number,
        "HostId": product.host,
        "Code": error.code,
        "Message": error.message,
        "Recommend": f"https://api.aliyun.com/troubleshoot?{query}",
        **error.details,
    }


def request_id() -> str:
    """Return the id of one request, as the gateways write it."""
    return str(uuid.uuid4()).upper()


def encoded(body: Any) -> bytes:
    """Return a body as it is sent."""
    return body.encode() if isinstance(body, str) else json.dumps(body, ensure_ascii=False).encode()
