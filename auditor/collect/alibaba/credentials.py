"""Who the auditor is towards the cloud: each kind of credentials as a source of snapshots."""

import os
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from auditor.collect.alibaba.credentials_uri import NoCredentials, uri_session
from auditor.collect.alibaba.endpoints import check_url
from auditor.collect.alibaba.package import tame_package
from auditor.collect.alibaba.role_session import Sts, assumed_role, oidc_role
from auditor.collect.alibaba.sdk import Fixed, Snapshot, Source
from auditor.collect.alibaba.transport import Trust
from auditor.collect.errors import ConfigError
from auditor.facts.text import Text, t

KEY_VARIABLES = ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET")
TOKEN_VARIABLE = "ALIBABA_CLOUD_SECURITY_TOKEN"  # noqa: S105 - the name of a variable
OIDC_VARIABLES = {
    "role_arn": "ALIBABA_CLOUD_ROLE_ARN",
    "oidc_provider_arn": "ALIBABA_CLOUD_OIDC_PROVIDER_ARN",
    "oidc_token_file": "ALIBABA_CLOUD_OIDC_TOKEN_FILE",
}
"""Set by ACK's webhook in the Pods of a ServiceAccount that has an RRSA role."""
METADATA_DISABLED_VARIABLE = "ALIBABA_CLOUD_ECS_METADATA_DISABLED"
URI_VARIABLE = "ALIBABA_CLOUD_CREDENTIALS_URI"
OVERRIDING_VARIABLES = ("ALIYUN_ACCESS_KEY_ID", "ALIYUN_ACCESS_KEY_SECRET")
"""The classic SDK prefers these to every other credential, and says nothing."""
_CLI_FILE = t("~/.aliyun/config.json")
_PROFILE_FILE = t("~/.alibabacloud/credentials.ini")
_INSTANCE = t("the role of the instance, by its metadata service")
_STATUS = re.compile(r"\bhttp_code=(\d{3})\b")


@dataclass(frozen=True)
class CredentialSettings:
    """One way to be somebody; which parts are needed depends on ``kind``.

    Kinds: ``default`` (environment, RRSA, profile files, instance metadata, URI, in this order), ``access_key``,
    ``sts``, ``ram_role`` (taken on from ``source``, or from the default chain), ``ecs_role``, ``rrsa``,
    ``profile`` and ``uri``.
    """

    kind: str = "default"
    access_key_id: str = field(default="", repr=False)
    access_key_secret: str = field(default="", repr=False)
    security_token: str = field(default="", repr=False)
    role_arn: str = ""
    session_name: str = "ack-auditor"
    external_id: str = field(default="", repr=False)
    source: "CredentialSettings | None" = None
    role_name: str = ""
    oidc_provider_arn: str = ""
    oidc_token_file: str = ""
    profile: str = ""
    uri: str = field(default="", repr=False)


@dataclass(frozen=True)
class Credentials:
    """Where snapshots come from, and how a report names that place."""

    source: Source
    origin: Text


@dataclass(frozen=True)
class _Place:
    """What opening credentials needs to know besides the settings."""

    sts: Sts
    allow_plain_http: bool


def open_credentials(
    settings: CredentialSettings,
    region: str,
    sts_url: str,
    *,
    allow_plain_http: bool = False,
    trust: Trust | None = None,
) -> Credentials:
    """Return the source of these credentials. No call is made, no file is read.

    Args:
        settings: which credentials.
        region: the region in which roles are taken on.
        sts_url: the base URL of STS, for ``ram_role`` and ``rrsa``.
        allow_plain_http: whether ``uri`` may be plain ``http`` beyond this machine.
        trust: whose certificates are trusted at STS; None for those of the public authorities.

    Raises:
        ConfigError: a part is missing, or variables of the environment would override what is configured.
    """
    overriding = [name for name in OVERRIDING_VARIABLES if os.environ.get(name)]
    if settings.kind != "default" and len(overriding) == len(OVERRIDING_VARIABLES):
        raise ConfigError(
            t(
                "credentials: the environment variables {names} would silently override the configured credentials "
                "of kind {kind}; unset them",
                names=overriding,
                kind=settings.kind,
            )
        )
    return _open(settings, _Place(Sts(region, sts_url, trust), allow_plain_http), "credentials")


def _open(settings: CredentialSettings, place: _Place, key: str) -> Credentials:
    openers: dict[str, Callable[[CredentialSettings, _Place, str], Credentials]] = {
        "default": _default,
        "access_key": _static,
        "sts": _static,
        "ram_role": _ram_role,
        "ecs_role": _ecs_role,
        "rrsa": _rrsa,
        "profile": _profile,
        "uri": _uri,
    }
    if settings.kind not in openers:
        raise ConfigError(
            t(
                "{key}.kind: {kind} is no kind of credentials; expected one of {known}",
                key=key,
                kind=settings.kind,
                known=", ".join(openers),
            )
        )
    return openers[settings.kind](settings, place, key)


def _require(settings: CredentialSettings, key: str, *parts: str) -> None:
    missing = [part for part in parts if not getattr(settings, part)]
    if missing:
        raise ConfigError(
            t(
                "{key}: credentials of kind {kind} need {missing}",
                key=key,
                kind=settings.kind,
                missing=", ".join(missing),
            )
        )


def _static(settings: CredentialSettings, _place: _Place, key: str) -> Credentials:
    has_token = settings.kind == "sts"
    _require(settings, key, "access_key_id", "access_key_secret", *(("security_token",) if has_token else ()))
    token = settings.security_token if has_token else ""
    snapshot = Snapshot(settings.access_key_id, settings.access_key_secret, token)
    return Credentials(Fixed(snapshot), t("{key} (kind {kind})", key=key, kind=settings.kind))


def _ram_role(settings: CredentialSettings, place: _Place, key: str) -> Credentials:
    _require(settings, key, "role_arn")
    base = _open(settings.source or CredentialSettings(), place, f"{key}.source" if settings.source else key)
    source = assumed_role(
        base.source,
        place.sts,
        role_arn=settings.role_arn,
        session_name=settings.session_name,
        external_id=settings.external_id,
        origin=base.origin,
    )
    return Credentials(source, t("the role {role}, taken on from {base}", role=settings.role_arn, base=base.origin))


def _rrsa(settings: CredentialSettings, place: _Place, key: str) -> Credentials:
    parts = {name: getattr(settings, name) or os.environ.get(variable, "") for name, variable in OIDC_VARIABLES.items()}
    missing = [f"{name} ({OIDC_VARIABLES[name]})" for name, value in parts.items() if not value]
    if missing:
        raise ConfigError(
            t(
                "{key}: credentials of kind rrsa need {missing}, as a key or as an environment variable",
                key=key,
                missing=", ".join(missing),
            )
        )
    origin = t("the role {role}, by the token in {file}", role=parts["role_arn"], file=parts["oidc_token_file"])
    source = oidc_role(
        place.sts,
        role_arn=parts["role_arn"],
        provider_arn=parts["oidc_provider_arn"],
        token_file=parts["oidc_token_file"],
        session_name=settings.session_name,
        origin=origin,
    )
    return Credentials(source, origin)


def _default(settings: CredentialSettings, place: _Place, key: str) -> Credentials:
    key_id, secret = (os.environ.get(name, "") for name in KEY_VARIABLES)
    if key_id and secret:
        snapshot = Snapshot(key_id, secret, os.environ.get(TOKEN_VARIABLE, ""))
        return Credentials(Fixed(snapshot), t("the environment variables {names}", names=" / ".join(KEY_VARIABLES)))
    if key_id or secret:
        present, absent = KEY_VARIABLES if key_id else reversed(KEY_VARIABLES)
        raise ConfigError(
            t(
                "{key}: the environment variable {present} is set without {absent}; set both or none",
                key=key,
                present=present,
                absent=absent,
            )
        )
    if all(os.environ.get(variable) for variable in OIDC_VARIABLES.values()):
        return _rrsa(CredentialSettings("rrsa", session_name=settings.session_name), place, key)
    origin = t("the default chain (environment, profile files, instance metadata, credentials URI)")
    members: list[Source] = [
        _ByPackage(lambda package: package.CLIProfileCredentialsProvider(), _CLI_FILE),
        _ByPackage(lambda package: package.ProfileCredentialsProvider(), _PROFILE_FILE),
    ]
    if os.environ.get(METADATA_DISABLED_VARIABLE, "").lower() != "true":
        members.append(_ByPackage(lambda package: _instance_role(package, ""), _INSTANCE))
    if uri := os.environ.get(URI_VARIABLE, ""):
        members.append(uri_session(uri, _uri_origin(uri), place.sts.trust))
    return Credentials(_FirstOf(members, origin), origin)


def _ecs_role(settings: CredentialSettings, _place: _Place, _key: str) -> Credentials:
    return Credentials(_ByPackage(lambda package: _instance_role(package, settings.role_name), _INSTANCE), _INSTANCE)


def _instance_role(package: Any, name: str) -> Any:
    # Otherwise a thread would be started that renews in the background, even where there is no instance role.
    return package.EcsRamRoleCredentialsProvider(role_name=name or None, async_update_enabled=False)


def _profile(settings: CredentialSettings, _place: _Place, key: str) -> Credentials:
    _require(settings, key, "profile")
    name = settings.profile
    origin = t("the profile {name} (~/.aliyun/config.json or ~/.alibabacloud/credentials.ini)", name=name)
    members = [
        _ByPackage(lambda package: package.CLIProfileCredentialsProvider(profile_name=name), _CLI_FILE),
        _ByPackage(lambda package: package.ProfileCredentialsProvider(profile_name=name), _PROFILE_FILE),
    ]
    return Credentials(_FirstOf(members, origin), origin)


def _uri(settings: CredentialSettings, place: _Place, key: str) -> Credentials:
    _require(settings, key, "uri")
    parts = urlsplit(settings.uri)
    check_url(f"{parts.scheme}://{parts.netloc}", f"{key}.uri", allow_plain_http=place.allow_plain_http)
    origin = _uri_origin(settings.uri)
    return Credentials(uri_session(settings.uri, origin, place.sts.trust), origin)


def _uri_origin(uri: str) -> Text:
    """Name a URI by its host alone: the rest of it may be secret."""
    parts = urlsplit(uri)
    return t("the credentials URI at {base}", base=f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}")


class _FirstOf:
    """The first of several places that has credentials; the one that had them is the only one from then on."""

    def __init__(self, members: Sequence[Source], origin: Text) -> None:
        self._members = members
        self._origin = origin
        self._choosing = threading.Lock()
        self._chosen: Source | None = None

    def __call__(self) -> Snapshot:
        with self._choosing:
            chosen = self._chosen
            if chosen is None:
                return self._choose()
        return chosen()

    def forget(self, refused: Snapshot) -> bool:
        return self._chosen is not None and self._chosen.forget(refused)

    def _choose(self) -> Snapshot:
        failures: list[str] = []
        for member in self._members:
            try:
                found = member()
            except NoCredentials as failure:
                failures.append(f"{failure.origin}: {failure.why}")
            else:
                self._chosen = member
                return found
        raise NoCredentials(self._origin, "; ".join(dict.fromkeys(failures)))


class _ByPackage:
    """What ``alibabacloud_credentials`` finds. It is slow to import: only when it is used."""

    def __init__(self, make: Callable[[Any], Any], origin: Text) -> None:
        self._make = make
        self._origin = origin
        self._provider: Any = None
        self._last: Snapshot | None = None
        self._lock = threading.Lock()

    def __call__(self) -> Snapshot:
        try:
            with self._lock:
                if self._provider is None:
                    from alibabacloud_credentials import provider  # noqa: PLC0415 - see above

                    tame_package()
                    self._provider = self._make(provider)
                made = self._provider
            found = made.get_credentials()
            key_id, secret = found.get_access_key_id(), found.get_access_key_secret()
            token = found.get_security_token() or ""
        except Exception as error:  # noqa: BLE001 - of many kinds
            raise NoCredentials(self._origin, _named(error)) from None
        if not key_id or not secret:
            raise NoCredentials(self._origin, t("no access key"))
        self._last = Snapshot(key_id, secret, token)
        return self._last

    def forget(self, refused: Snapshot) -> bool:
        with self._lock:
            if self._last == refused:
                self._provider = None  # it would keep what it found until its end
        return True


def _named(error: Exception) -> str:
    """Return the class of an error of the package's, and the HTTP status in it: its words repeat whole answers."""
    status = _STATUS.search(str(error))
    return f"{type(error).__name__}, HTTP {status[1]}" if status else type(error).__name__
