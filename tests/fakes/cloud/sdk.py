"""The classic SDK, pointed at the fake cloud: request objects by name, and one way to send them."""

import contextlib
import importlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.request import CommonRequest

from tests.fakes.cloud.sts import ACCESS_KEY_ID, ACCESS_KEY_SECRET

REGION = "cn-hangzhou"
BODY_STYLE = {"ListServerGroups", "ListServerGroupServers", "ListProductQuotas", "GetProductQuota"}
"""The operations whose classes send their parameters in the form body."""

VERSIONS = {
    "cms": "2019-01-01",
    "cs": "2015-12-15",
    "ecs": "2014-05-26",
    "ess": "2014-08-28",
    "nas": "2017-06-26",
    "nlb": "2022-04-30",
    "quotas": "2020-05-10",
    "ram": "2015-05-01",
    "slb": "2014-05-15",
    "sts": "2015-04-01",
    "vpc": "2016-04-28",
}


def client(key: str = ACCESS_KEY_ID, secret: str = ACCESS_KEY_SECRET, credential: Any = None) -> AcsClient:
    """Return a client that never retries."""
    if credential is not None:
        return AcsClient(region_id=REGION, credential=credential, auto_retry=False)
    return AcsClient(key, secret, REGION, auto_retry=False)


def rpc(product: str, action: str, **params: Any) -> Any:
    """Return a request of the SDK's own class; a dot in a parameter's name is written as two underscores."""
    version = VERSIONS[product]
    module = importlib.import_module(f"aliyunsdk{product}.request.v{version.replace('-', '')}.{action}Request")
    request = getattr(module, f"{action}Request")()
    request.set_accept_format("JSON")
    for name, value in params.items():
        add = request.add_body_params if action in BODY_STYLE else request.add_query_param
        add(name.replace("__", "."), str(value))
    return request


def common(version: str, action: str, domain: str, params: Mapping[str, str] | None = None) -> CommonRequest:
    """Return a request for an operation that the SDK has no class for."""
    request = CommonRequest(domain=domain, version=version, action_name=action)
    request.set_method("POST")
    request.set_accept_format("JSON")
    for name, value in (params or {}).items():
        request.add_query_param(name, value)
    return request


def roa(path: str, query: Mapping[str, Any] | None = None, method: str = "GET") -> CommonRequest:
    """Return a request to Container Service."""
    request = CommonRequest(domain=f"cs.{REGION}.aliyuncs.com", version=VERSIONS["cs"], uri_pattern=path)
    request.set_method(method)
    request.set_accept_format("JSON")
    for name, value in (query or {}).items():
        request.add_query_param(name, str(value))
    return request


def send(acs: AcsClient, request: Any, base_url: str = "") -> Any:
    """Send a request, to a base URL or to the product's own host; return the decoded answer."""
    if base_url:
        request.set_protocol_type("http")
        request.set_endpoint(base_url.removeprefix("http://"))
    return json.loads(acs.do_action_with_exception(request))


@contextlib.contextmanager
def refusal() -> Iterator[dict[str, Any]]:
    """Expect an error of the server; what it says is filled in, CS's lower-case errors included."""
    said: dict[str, Any] = {}
    try:
        yield said
    except ServerException as error:
        said |= {"code": error.error_code, "message": error.message, "status": error.http_status}
        if error.error_code == "SDK.UnknownServerError" and "{" in error.message:
            body = json.loads(error.message[error.message.index("{") : error.message.rindex("}") + 1])
            said |= {"code": body["code"], "message": body["message"], "body": body}
    else:
        raise AssertionError("the call was answered")
