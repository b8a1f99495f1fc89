"""``[clusters.alibaba] credentials``: who the auditor is towards the cloud."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, model_validator

from auditor.config.base import ConfigTable, LocalPath, SecretField

Kind = Literal["default", "access_key", "sts", "ram_role", "ecs_role", "rrsa", "profile", "uri"]

REQUIRED: dict[str, tuple[str, ...]] = {
    "default": (),
    "access_key": ("access_key_id", "access_key_secret"),
    "sts": ("access_key_id", "access_key_secret", "security_token"),
    "ram_role": ("role_arn", "source"),
    "ecs_role": (),
    "rrsa": ("role_arn", "oidc_provider_arn", "oidc_token_file"),
    "profile": ("profile",),
    "uri": ("uri",),
}
"""Which keys each kind needs. ``rrsa`` finds them in the environment where ACK's webhook has set it."""
OPTIONAL: dict[str, tuple[str, ...]] = {
    "ram_role": ("session_name", "external_id"),
    "ecs_role": ("role_name",),
    "rrsa": ("session_name",),
}


def named_kind(value: Any) -> Any:
    """Turn a kind alone into the table that it stands for: ``"default"`` is ``{ kind = "default" }``."""
    return {"kind": value} if isinstance(value, str) else value


def _uri(value: str) -> str:
    if not re.fullmatch(r"https?://[^/\s]\S*", value):
        raise ValueError("expected an address such as http://127.0.0.1:8000/credentials")
    return value


class Credentials(ConfigTable):
    """One way to be somebody. ``ram_role`` is taken on from another one, its ``source``."""

    SECRETS: ClassVar[tuple[str, ...]] = ("access_key_id", "access_key_secret", "security_token")

    kind: Kind = "default"
    access_key_id: SecretField = None
    access_key_secret: SecretField = None
    security_token: SecretField = None
    role_arn: str = ""
    session_name: str = "ack-auditor"
    external_id: str = ""
    source: Annotated[Credentials | None, BeforeValidator(named_kind)] = None
    role_name: str = ""
    oidc_provider_arn: str = ""
    oidc_token_file: LocalPath | None = None
    profile: str = ""
    uri: Annotated[str, AfterValidator(_uri)] = ""

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> Credentials:
        missing = [key for key in REQUIRED[self.kind] if not getattr(self, key)]
        if missing and not (self.kind == "rrsa" and len(missing) == len(REQUIRED["rrsa"])):
            raise ValueError(f"credentials of kind {self.kind!r} need {', '.join(missing)}")
        allowed = {"kind", *REQUIRED[self.kind], *OPTIONAL.get(self.kind, ())}
        extra = sorted(self.model_fields_set - allowed)
        if extra:
            raise ValueError(f"credentials of kind {self.kind!r} do not take {', '.join(extra)}")
        return self
