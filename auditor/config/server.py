"""``[server]``: the agent's own web site."""

import ipaddress
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, StrictBool, model_validator

from auditor.config.base import ConfigTable, SecretField, Words
from auditor.config.clusters import AddressRange, BaseUrl
from auditor.loopback import is_loopback


def _host(value: str) -> str:
    if value != "localhost":
        try:
            ipaddress.ip_address(value)
        except ValueError:
            raise ValueError("expected an address to listen on, such as 127.0.0.1 or 0.0.0.0") from None
    return value


class Server(ConfigTable):
    """Where the web site listens, and who may see it.

    On a loopback address it is open to whoever is on the machine. Anywhere else it takes a token, or the name of a
    user in a header that a reverse proxy sets.
    """

    SECRETS: ClassVar[tuple[str, ...]] = ("token",)

    enabled: StrictBool = True
    host: Annotated[str, AfterValidator(_host)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8480
    public_url: BaseUrl = ""
    token: SecretField = None
    user_header: str = ""
    trusted_proxies: list[AddressRange] = []
    run_now: StrictBool = True
    allowed_hosts: list[Words] = []

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback(f"http://[{self.host}]" if ":" in self.host else f"http://{self.host}")

    @model_validator(mode="after")
    def _is_guarded(self) -> "Server":
        if self.user_header and not self.trusted_proxies:
            raise ValueError(
                "`user_header` is set by a reverse proxy: expected `trusted_proxies`, the addresses that it comes from"
            )
        if self.enabled and not self.is_local and self.token is None and not self.user_header:
            raise ValueError(
                f"{self.host} can be reached from elsewhere: expected `token` (token_env, token_file), or "
                '`user_header` with `trusted_proxies`; or host = "127.0.0.1"'
            )
        return self
