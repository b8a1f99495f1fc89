"""Looks at what a configuration points at on this machine: secrets, files, checks. Calls nobody."""

from collections.abc import Callable, Iterator
from datetime import date
from fnmatch import fnmatchcase

from auditor.config.base import BadConfig, Secret
from auditor.config.credentials import Credentials
from auditor.config.settings import Settings


def problems(settings: Settings, is_check: Callable[[str], bool]) -> list[str]:
    """Return what is wrong with the surroundings of a configuration, one sentence each.

    ``is_check`` tells whether any check answers to an id or a pattern.
    """
    return list(_problems(settings, is_check))


def _problems(settings: Settings, is_check: Callable[[str], bool]) -> Iterator[str]:
    yield from _secret("ledger.url", settings.ledger.url)
    for folder in settings.checks.folders:
        if not folder.is_dir():
            yield f"checks.folders: {folder}: there is no such folder"
    for cluster in settings.clusters:
        yield from _credentials(f"clusters[{cluster.name}].alibaba.credentials", cluster.alibaba.credentials)
    names = {cluster.name for cluster in settings.clusters}
    for channel in settings.channels:
        where = f"channels[{channel.name}]"
        for key in channel.SECRETS:
            yield from _secret(f"{where}.{key}", getattr(channel, key))
        for name in channel.clusters:
            if names and not any(fnmatchcase(one, name) for one in names):
                yield f"{where}.clusters: no cluster is called {name!r}"
        for pattern in channel.checks:
            if not is_check(pattern):
                yield f"{where}.checks: {_no_check(pattern)}"
    if settings.server:
        yield from _secret("server.token", settings.server.token)
    for schedule in settings.schedules:
        for name in schedule.clusters:
            if not any(fnmatchcase(one, name) for one in names):
                yield f"schedules[{schedule.name}].clusters: no cluster is called {name!r}"
        for pattern in schedule.checks:
            if not is_check(pattern):
                yield f"schedules[{schedule.name}].checks: {_no_check(pattern)}"
    for number, suppression in enumerate(settings.suppressions):
        if names and not any(fnmatchcase(name, suppression.cluster) for name in names):
            yield f"suppressions[{number}].cluster: no cluster is called {suppression.cluster!r}"
        if not is_check(suppression.check):
            yield f"suppressions[{number}].check: {_no_check(suppression.check)}"


def lacking(settings: Settings) -> list[str]:
    """Return which channels can't be used yet, for want of a key. An audit without deliveries needs none of them."""
    return [
        f"channels[{channel.name}].{key}: this key is required for a channel of kind {channel.kind}"
        for channel in settings.channels
        for key in channel.missing()
    ]


def warnings(settings: Settings, today: date) -> list[str]:
    """Return what is not wrong with a configuration, but to be looked at, one sentence each."""
    return [f"{one}; nothing can be delivered to it" for one in lacking(settings)] + [
        f"suppressions[{number}]: it expired on {one.expires} and suppresses nothing any more; remove it, or renew it"
        for number, one in enumerate(settings.suppressions)
        if one.expires < today
    ]


def _no_check(pattern: str) -> str:
    return f"no check is called {pattern!r} (`auditor checks` lists them all)"


def _credentials(where: str, credentials: Credentials) -> Iterator[str]:
    for key in credentials.SECRETS:
        yield from _secret(f"{where}.{key}", getattr(credentials, key))
    token_file = credentials.oidc_token_file
    if token_file and not token_file.is_file():
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
