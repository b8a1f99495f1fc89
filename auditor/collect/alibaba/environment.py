"""The environment variables that decide how the cloud is reached, and what each does. Values are never shown."""

import os
from dataclasses import dataclass

from auditor.collect.alibaba.credentials import (
    KEY_VARIABLES,
    METADATA_DISABLED_VARIABLE,
    OIDC_VARIABLES,
    OVERRIDING_VARIABLES,
    TOKEN_VARIABLE,
    URI_VARIABLE,
)
from auditor.collect.alibaba.transport import CA_BUNDLE_VARIABLE

_CREDENTIALS_FILE = "ALIBABA_CLOUD_CREDENTIALS_FILE"
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


@dataclass(frozen=True)
class Variable:
    """A variable that is set and counts.

    Attributes:
        name: of the variable.
        effect: what it does, in a sentence.
        is_overriding: whether it decides in place of the configuration.
    """

    name: str
    effect: str
    is_overriding: bool = False


def variables_that_count(kind: str) -> list[Variable]:
    """Return the variables that are set and have a say, for credentials of this kind."""
    wanted = [*_of_credentials(kind), *_of_the_network()]
    return [variable for variable in wanted if os.environ.get(variable.name)]


def _of_credentials(kind: str) -> list[Variable]:
    found = []
    if kind != "default":
        refused = "the SDK would prefer it to the configured credentials; both together are refused"
        found += [Variable(name, refused, is_overriding=True) for name in OVERRIDING_VARIABLES]
    if kind == "default":
        found += [Variable(name, "the default chain takes it before all else") for name in KEY_VARIABLES]
        found.append(Variable(TOKEN_VARIABLE, "sent with the key of the environment"))
        found.append(Variable(METADATA_DISABLED_VARIABLE, 'with "true" the role of the instance is not looked for'))
        found.append(Variable(URI_VARIABLE, "the last place where the default chain looks"))
    if kind in ("default", "rrsa"):
        found += [
            Variable(name, "RRSA takes it where the configuration names none") for name in OIDC_VARIABLES.values()
        ]
    if kind == "ecs_role":
        found.append(Variable(METADATA_DISABLED_VARIABLE, 'with "true" the role of the instance can not be used'))
        found.append(Variable("ALIBABA_CLOUD_ECS_METADATA", "names the role where role_name is empty"))
    if kind in ("default", "profile"):
        found.append(Variable(_CREDENTIALS_FILE, "read in place of ~/.alibabacloud/credentials.ini"))
    if kind in ("default", "ecs_role"):
        found.append(Variable("ALIBABA_CLOUD_IMDSV1_DISABLED", 'with "true" only metadata with a token is asked for'))
    return found


def _of_the_network() -> list[Variable]:
    names = [spelt for name in _PROXIES for spelt in (name, name.lower())]
    return [
        *(Variable(name, "calls go through this proxy, but for loopback and instance metadata") for name in names),
        *(Variable(name, "these hosts are called without the proxy") for name in ("NO_PROXY", "no_proxy")),
        Variable(CA_BUNDLE_VARIABLE, "its certificates are trusted in place of the public ones", is_overriding=True),
    ]
