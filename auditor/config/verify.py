"""Looks at what a configuration points at on this machine: secrets and files. Calls nobody."""

from collections.abc import Iterator
from pathlib import Path

from auditor.config.base import BadConfig, Secret
from auditor.config.credentials import Credentials
from auditor.config.settings import Settings


def problems(settings: Settings) -> list[str]:
    """Return what is wrong with the surroundings of a configuration, one sentence each."""
    return list(_problems(settings))


def _problems(settings: Settings) -> Iterator[str]:
    yield from _secret("ledger.url", settings.ledger.url)
    for cluster in settings.clusters:
        kubeconfig = cluster.kubernetes.kubeconfig
        if kubeconfig and not kubeconfig.is_file():
            yield f"clusters[{cluster.name}].kubernetes.kubeconfig: {kubeconfig}: there is no such file"
        yield from _credentials(f"clusters[{cluster.name}].alibaba.credentials", cluster.alibaba.credentials)


def _credentials(where: str, credentials: Credentials) -> Iterator[str]:
    for key in credentials.SECRETS:
        yield from _secret(f"{where}.{key}", getattr(credentials, key))
    token_file = credentials.oidc_token_file
    if token_file and not Path(token_file).expanduser().is_file():
        yield f"{where}.oidc_token_file: {token_file}: there is no such file"
    if credentials.source:
        yield from _credentials(f"{where}.source", credentials.source)


def _secret(where: str, secret: Secret | None) -> Iterator[str]:
    if secret is None:
        return
    try:
        secret.reveal()
    except BadConfig as error:
        yield f"{where}: {error}"
