"""What can become of a call, as one exception: why nothing was learnt, and what to do about it."""

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from auditor.collect.alibaba.redact import scrub
from auditor.collect.alibaba.sdk import BARE_LIST, Request
from auditor.collect.alibaba.transport import ANSWER_BYTES, Answer, OversizeError
from auditor.facts.table import Reason, ReasonKind
from auditor.facts.text import Text, t

_DENIED = re.compile(
    r"^(Forbidden|NoPermission|StatusForbidden|STATUS_FORBIDDEN|ErrorCheckAcl|ImplicitDeny|ExplicitDeny"
    r"|AccessDenied|Unauthorized|UnauthorizedOperation|NotAuthorized|ErrorForbidden)",
    re.IGNORECASE,
)
_LOOKS_DENIED = re.compile(r"^(?!OperationDenied).*(forbid|permission|unauthor|denied)", re.IGNORECASE)
"""How a code that is not listed above says the same; for HTTP 401 and 403 only, which ECS uses for more."""
_BAD_KEY = re.compile(r"^(InvalidAccessKeyId|InvalidAccessKey\b|InactiveAccessKey|MissingAccessKeyId)", re.IGNORECASE)
_BAD_TOKEN = re.compile(r"^(InvalidSecurityToken|MissingSecurityToken|InvalidSTSToken)", re.IGNORECASE)
_BAD_SIGNATURE = re.compile(r"^(SignatureDoesNotMatch|IncompleteSignature|InvalidAccessKeySecret)", re.IGNORECASE)
_BAD_CLOCK = re.compile(r"^(InvalidTimeStamp|IllegalTimestamp)", re.IGNORECASE)
_PASSING = re.compile(r"^(Throttling|ServiceUnavailable|InternalError)", re.IGNORECASE)
_NOT_OPENED = re.compile(r"ServiceNotOpen", re.IGNORECASE)
_NOT_IN_REGION = re.compile(r"^InvalidRegionId", re.IGNORECASE)
_ABSENT = re.compile(
    r"(\.NotFound$|^ErrorClusterNotFound|^EntityNotExist\b|^ResourceNotFound\b|NotExist$)", re.IGNORECASE
)
_NOT_THE_OBJECT = re.compile(r"^(Invalid|Unsupported)?(Action|Api|Version|Product|Region|Endpoint)", re.IGNORECASE)
"""What is not found is the operation or its place, as a gateway says that does not know it: no word of the object."""
_OPTIONAL_PRODUCTS = ("alb", "nas", "nlb")
"""Products that a region may lack while it has ACK."""


class CallFailed(Exception):  # noqa: N818 - read as a sentence
    """A call brought no facts.

    Attributes:
        source: the product that was asked.
        kind: what kind of failure.
        action: what was called (``ecs:DescribeDisks``); empty if it did not come to a call.
        code: the cloud's error code; empty where the answer had none, or there was no answer.
        text: what happened, in words for a report; never holds a secret or a signed URL.
        missing: the permission to grant, where that is the cure.
        request_id: what the cloud's support asks for; empty where there was no answer.
        http_status: of the answer; None where there was none.
        is_passing: whether the same call may succeed in a moment.
    """

    def __init__(
        self,
        source: str,
        kind: ReasonKind,
        text: Text,
        *,
        action: str = "",
        code: str = "",
        missing: tuple[str, ...] = (),
        request_id: str = "",
        http_status: int | None = None,
        is_passing: bool = False,
    ) -> None:
        """Take all that is known of the failure."""
        super().__init__(str(text))
        self.source = source
        self.kind = kind
        self.text = text
        self.action = action
        self.code = code
        self.missing = missing
        self.request_id = request_id
        self.http_status = http_status
        self.is_passing = is_passing

    @property
    def reason(self) -> Reason:
        """The reason that a fact table gives. Without the request id: the same failure is to be one reason."""
        return Reason(self.source, self.kind, self.text, self.missing)

    @property
    def is_not_opened(self) -> bool:
        """Whether the account has not opened the product, or the region lacks it: it has no such resources."""
        if _NOT_OPENED.search(self.code):
            return True
        return self.source in _OPTIONAL_PRODUCTS and bool(_NOT_IN_REGION.match(self.code))

    @property
    def is_about_identity(self) -> bool:
        """Whether the cloud refused the key, the token, the signature or the clock: every call will fail so."""
        return _is_about_the_key(self.code) or bool(_BAD_CLOCK.match(self.code))

    @property
    def is_about_token(self) -> bool:
        """Whether the cloud refused the security token: with another one the call may succeed."""
        return bool(_BAD_TOKEN.match(self.code))

    @property
    def is_absent(self) -> bool:
        """Whether the object that was asked for does not exist."""
        if self.kind is not ReasonKind.ERROR or _NOT_THE_OBJECT.match(self.code):
            return False
        return bool(_ABSENT.search(self.code))


def malformed(source: str, action: str, what: str | Text) -> CallFailed:
    """Make the failure of an answer that is not of the documented shape; ``what`` is the field, or a sentence."""
    text = t("the answer to {action} is not as documented: {what}", action=action, what=what)
    return CallFailed(source, ReasonKind.MALFORMED, text, action=action)


def read_answer(request: Request, answer: Answer, credentials: Text, secrets: Iterable[str]) -> dict[str, Any]:
    """Return the decoded answer. Raises CallFailed for an error, or for what is no JSON object.

    ``credentials`` says where the credentials come from, for the advice; ``secrets`` never appear in a text.
    """
    is_success = 200 <= answer.status < 300
    try:
        body = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, RecursionError):  # the latter by objects inside objects, a thousand deep
        raise _not_json(request, answer) from None
    if request.bare_list and is_success:
        if not isinstance(body, list):
            raise malformed(request.product, request.permission, t("it is no JSON array"))
        return {BARE_LIST: body}
    if not isinstance(body, dict):
        raise malformed(request.product, request.permission, t("it is no JSON object"))
    if is_success and not _is_refusal(request, body):
        return body
    raise _refused(request, answer.status, body, credentials, secrets)


def _is_refusal(request: Request, body: dict[str, Any]) -> bool:
    """Tell whether an answer that came with HTTP 2xx says all the same that the call failed."""
    if body.get("Success") in (False, "false", "False"):
        return True
    # CloudMonitor gives a status in every answer, 200 for success.
    return request.product == "cms" and str(body.get("Code") or 200) != "200"


def _not_json(request: Request, answer: Answer) -> CallFailed:
    if 200 <= answer.status < 300:
        return malformed(request.product, request.permission, t("it is no JSON"))
    text = t(
        "the answer to {action} is no JSON (HTTP {status}), so it is not the API's: "
        "a proxy or a gateway may stand between",
        action=request.permission,
        status=answer.status,
    )
    return CallFailed(
        request.product,
        ReasonKind.MALFORMED,
        text,
        action=request.permission,
        http_status=answer.status,
        is_passing=answer.status == 429 or answer.status >= 500,
    )


def _refused(
    request: Request, status: int, body: dict[str, Any], credentials: Text, secrets: Iterable[str]
) -> CallFailed:
    # CS writes its own errors in lower case, those of the gateway before it in upper case.
    code = scrub(_first(body, "Code", "code", "error_code"), secrets)
    if code.isdecimal() and 200 <= status < 300:
        status, code = int(code), ""  # CloudMonitor's code is the status that its answer should have had
    message = scrub(_first(body, "Message", "message", "error"), secrets)
    kind, text = _meaning(request, status, code, message, credentials)
    return CallFailed(
        request.product,
        kind,
        text,
        action=request.permission,
        code=code,
        missing=(request.permission,) if kind is ReasonKind.FORBIDDEN and not _is_about_the_key(code) else (),
        request_id=_first(body, "RequestId", "requestId", "request_id"),
        http_status=status,
        is_passing=bool(_PASSING.match(code)) or status == 429 or status >= 500,
    )


def _first(body: dict[str, Any], *names: str) -> str:
    return next((str(body[name]) for name in names if isinstance(body.get(name), str | int)), "")


def _is_about_the_key(code: str) -> bool:
    return any(pattern.match(code) for pattern in (_BAD_KEY, _BAD_TOKEN, _BAD_SIGNATURE))


def _meaning(request: Request, status: int, code: str, message: str, credentials: Text) -> tuple[ReasonKind, Text]:
    action = request.permission
    if _BAD_KEY.match(code):
        text = t(
            "the cloud does not know the access key ({code}): check that its id is right and that it is enabled; "
            "it comes from {credentials}",
            code=code,
            credentials=credentials,
        )
        return ReasonKind.FORBIDDEN, text
    if _BAD_TOKEN.match(code):
        text = t(
            "the security token is wrong or has expired ({code}): get a new one; it comes from {credentials}",
            code=code,
            credentials=credentials,
        )
        return ReasonKind.FORBIDDEN, text
    if _BAD_SIGNATURE.match(code):
        text = t(
            "the secret does not belong to the access key: check both parts of it; they come from {credentials}",
            credentials=credentials,
        )
        return ReasonKind.FORBIDDEN, text
    if _BAD_CLOCK.match(code):
        return ReasonKind.ERROR, t("the clock of this machine differs from the cloud's by more than 15 minutes; set it")
    if code.lower().startswith("throttling") or status == 429:
        return ReasonKind.THROTTLED, t("{action} was throttled by the cloud ({code})", action=action, code=code)
    if _DENIED.match(code) or (status in (401, 403) and _LOOKS_DENIED.search(code or "denied")):
        return ReasonKind.FORBIDDEN, t(
            "{action} was denied ({code}): grant it to the identity of the auditor",
            action=action,
            code=code or f"HTTP {status}",
        )
    if code.startswith("ErrorClusterNotFound"):
        return ReasonKind.ERROR, t(
            "there is no cluster {cluster} in this account and region: "
            "check cluster_id and region in the configuration",
            cluster=str(request.params.get("ClusterId", "")),
        )
    return ReasonKind.ERROR, t(
        "{action} failed: {code} {message}", action=action, code=code or f"HTTP {status}", message=message
    )


def from_network(request: Request, error: OSError, endpoint: str, secrets: Iterable[str]) -> CallFailed:
    """Make the failure of a call that no whole answer came to. ``endpoint`` is the base URL that was called."""
    if isinstance(error, OversizeError):
        text = t("it is larger than {n} MiB", n=ANSWER_BYTES // 2**20)
        return malformed(request.product, request.permission, text)
    kind, what, is_passing = _network_kind(error)
    text = t(
        "{what}: {action} got no answer from {endpoint} ({detail})",
        what=what,
        action=request.permission,
        endpoint=endpoint,
        detail=_detail(error, secrets),
    )
    action = request.permission
    return CallFailed(request.product, kind, text, action=action, code="SDK.HttpError", is_passing=is_passing)


def _detail(error: OSError, secrets: Iterable[str]) -> str:
    """Return the innermost words of a network error: those around it repeat the signed URL, and add nothing."""
    words = scrub(str(error), secrets)
    innermost = re.findall(r"\[Errno -?\d+\] [^'\")]+|(?:SSLError|SSLCertVerificationError)\([^)]*\)", words)
    return innermost[-1] if innermost else words


def _network_kind(error: OSError) -> tuple[ReasonKind, Text, bool]:
    # Two families of exceptions arrive here, of the SDK's vendored requests and of the installed one, so they
    # are told by the names of their classes.
    classes = {cls.__name__ for cls in type(error).__mro__}
    words = scrub(str(error)).lower()
    if classes & {"Timeout", "TimeoutError"} or "timed out" in words:
        return ReasonKind.TIMEOUT, t("the cloud did not answer in time"), True
    if "SSLError" in classes or re.search(r"certificate|\bssl", words):
        return ReasonKind.UNREACHABLE, t("TLS with the endpoint failed"), False
    if "ProxyError" in classes:
        return ReasonKind.UNREACHABLE, t("the proxy did not let the call through"), True
    if any(sign in words for sign in ("name or service not known", "name resolution", "getaddrinfo", "nodename")):
        return ReasonKind.UNREACHABLE, t("the name of the endpoint could not be resolved"), True
    return ReasonKind.UNREACHABLE, t("the endpoint can't be reached"), True
