"""Finding faults in a kubeconfig before it is used, each with the file, the key and what was expected.

The ``kubernetes`` package reports them too, but its messages quote whole entries of the file, keys and tokens
included. So what can be foreseen is looked for here, and its own messages are never shown.
"""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from auditor.collect.errors import ConfigError
from auditor.facts.text import Text, t

DEFAULT_KUBECONFIG = "~/.kube/config"
LARGEST_BYTES = 16 * 2**20
"""A kubeconfig is not read further than this: one of a thousand clusters has less."""

Entry = Mapping[str, Any]


class Chosen(NamedTuple):
    """The context that is used, with the user that it names: the name and the entry, empty if it names none."""

    context: str
    user_name: str
    user: Entry


class KubernetesConfigError(ConfigError):
    """The cluster's API can't even be called: the kubeconfig, its context or the Pod's own account is at fault."""


def kubeconfig_files(kubeconfig: Path | None) -> list[Path]:
    """Return the files to read: the one given, else those of ``KUBECONFIG``, else ``~/.kube/config``.

    As ``kubectl`` does, files of ``KUBECONFIG`` that do not exist are passed over, unless none exists.
    """
    if kubeconfig is not None:
        return [_expanded(kubeconfig)]
    named = [_expanded(Path(part)) for part in os.environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    return [path for path in named if path.exists()] or named[:1] or [_expanded(Path(DEFAULT_KUBECONFIG))]


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:
        raise _fault(
            t(
                "the kubeconfig {file} starts at a home folder, and this account has none; give its whole path",
                file=str(path),
            )
        ) from None


def check_kubeconfig(files: list[Path], context: str) -> Chosen:
    """Return the context that is used: the one given, else the current one.

    Raises KubernetesConfigError for a missing, unreadable or broken file, a context that does not exist, and one
    that names a cluster or user that does not exist, an impossible server address, a missing certificate file or
    an exec plugin that is not installed.
    """
    documents = [(path, _read(path)) for path in files]
    named = context or next((str(d["current-context"]) for _, d in documents if d.get("current-context")), "")
    where = ", ".join(str(path) for path, _ in documents)
    contexts = _entries(documents, "contexts", "context")
    if not named:
        raise _fault(
            t(
                "{file} has no current-context and no context is configured; set context to one of: {contexts}",
                file=where,
                contexts=_names(contexts),
            )
        )
    if named not in contexts:
        raise _fault(
            t(
                "{file} has no context {context}; set context to one of: {contexts}",
                file=where,
                context=named,
                contexts=_names(contexts),
            )
        )
    path, chosen = contexts[named]
    cluster_file, cluster = _named(documents, "clusters", "cluster", chosen.get("cluster"), named, path)
    _check_cluster(cluster_file, cluster, str(chosen["cluster"]))
    if not chosen.get("user"):
        return Chosen(named, "", {})
    user_file, user = _named(documents, "users", "user", chosen["user"], named, path)
    _check_user(user_file, user, str(chosen["user"]))
    return Chosen(named, str(chosen["user"]), user)


def _read(path: Path) -> Entry:
    import yaml  # noqa: PLC0415 - comes with the kubernetes package, and is needed only here

    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST_BYTES + 1)
        content = raw.decode("utf-8")
    except FileNotFoundError:
        raise _fault(
            t("the kubeconfig {file} does not exist; set kubeconfig to the file that you use", file=str(path))
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else t("it is not a text file")
        raise _fault(t("the kubeconfig {file} can't be read: {why}", file=str(path), why=why)) from None
    if len(raw) > LARGEST_BYTES:
        raise _fault(t("the kubeconfig {file} is larger than any kubeconfig; is it the right file?", file=str(path)))
    try:
        document = yaml.safe_load(content)
    except RecursionError:
        raise _fault(
            t("the kubeconfig {file} is nested too deeply to be one; write it again", file=str(path))
        ) from None
    except yaml.YAMLError as error:
        # The parser's own words may quote the file, and with it a token.
        mark = getattr(error, "problem_mark", None)
        raise _fault(
            t(
                "the kubeconfig {file} is not valid YAML (line {line}); is it whole? Write it again",
                file=str(path),
                line=mark.line + 1 if mark else 1,
            )
        ) from None
    if not isinstance(document, dict):
        raise _fault(
            t("the kubeconfig {file} is empty or no kubeconfig: clusters, contexts, users expected", file=str(path))
        )
    return document


def _entries(
    documents: list[tuple[Path, Entry]], section: str, inner: str, *, needed: bool = True
) -> dict[str, tuple[Path, Entry]]:
    """Return the entries of a section by name; as ``kubectl`` does, the first of a name wins."""
    found: dict[str, tuple[Path, Entry]] = {}
    for path, document in documents:
        entries = document.get(section) or []
        whole = isinstance(entries, list) and all(
            isinstance(entry, dict) and isinstance(entry.get("name"), str) and isinstance(entry.get(inner), dict | None)
            for entry in entries
        )
        if not whole:
            raise _fault(
                t(
                    "the kubeconfig {file} is broken at {key}: a list of entries with name and {inner} expected; "
                    "is the file whole?",
                    file=str(path),
                    key=section,
                    inner=inner,
                )
            )
        for entry in entries:
            found.setdefault(entry["name"], (path, entry.get(inner) or {}))
    if needed and not found:
        raise _fault(
            t(
                "the kubeconfig {file} has no {key}; is the file whole?",
                file=", ".join(str(path) for path, _ in documents),
                key=section,
            )
        )
    return found


def _named(
    documents: list[tuple[Path, Entry]], section: str, inner: str, name: object, context: str, path: Path
) -> tuple[Path, Entry]:
    entries = _entries(documents, section, inner, needed=False)
    if not isinstance(name, str) or name not in entries:
        raise _fault(
            t(
                "context {context} of {file} names the {inner} {name}, which is not in it; there are: {names}",
                context=context,
                file=str(path),
                inner=inner,
                name=str(name or '""'),
                names=_names(entries),
            )
        )
    return entries[name]


def _check_cluster(path: Path, cluster: Entry, name: str) -> None:
    try:
        server = urlsplit(str(cluster.get("server", "")))
        usable = server.scheme in ("http", "https") and bool(server.hostname) and (server.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        raise _fault(
            t(
                "cluster {name} of {file} has no usable server: an address such as https://192.168.0.1:6443 expected",
                name=name,
                file=str(path),
            )
        )
    _check_files(path, "cluster", name, cluster, ("certificate-authority",))


def _check_user(path: Path, user: Entry, name: str) -> None:
    for key in ("token", "tokenFile", "username", "password"):
        if not isinstance(user.get(key, ""), str):
            raise _fault(
                t("{key} of user {name} in {file} is no text; put it in quotes", key=key, name=name, file=str(path))
            )
    if any(ord(character) < 32 or ord(character) == 127 for character in user.get("token", "").strip()):
        raise _fault(
            t(
                "the token of user {name} in {file} holds a line break or the like; write it again",
                name=name,
                file=str(path),
            )
        )
    if user.get("auth-provider") and not (user.get("token") or user.get("exec") or user.get("client-certificate-data")):
        raise _fault(
            t(
                "user {name} of {file} logs in by auth-provider, which kubectl no longer knows either; "
                "use an exec plugin, a token or a client certificate",
                name=name,
                file=str(path),
            )
        )
    keys = ("client-certificate", "client-key")
    _check_files(path, "user", name, user, (*keys, "tokenFile"))
    has = [bool(user.get(key) or user.get(f"{key}-data")) for key in keys]
    if any(has) and not all(has):
        raise _fault(
            t(
                "user {name} of {file} has only one of client-certificate and client-key; both are needed",
                name=name,
                file=str(path),
            )
        )
    plugin = user.get("exec")
    if plugin is None or user.get("token") or user.get("tokenFile"):
        return
    command = plugin.get("command") if isinstance(plugin, dict) else None
    if not isinstance(command, str) or not command or "apiVersion" not in plugin:
        raise _fault(t("user {name} of {file}: exec needs a command and an apiVersion", name=name, file=str(path)))
    # The package runs it in the folder of the file, so a path with a folder counts from there.
    if shutil.which(str(path.parent / command) if os.sep in command else command) is None:
        raise _fault(
            t(
                "user {name} of {file} logs in by {command}, which is not installed here or not executable; "
                "install it, or use a kubeconfig with a token or a client certificate",
                name=name,
                file=str(path),
                command=command,
            )
        )


def _check_files(path: Path, kind: str, name: str, entry: Entry, keys: tuple[str, ...]) -> None:
    for key in keys:
        value = entry.get(key)
        if not value or entry.get("token" if key == "tokenFile" else f"{key}-data"):
            continue
        if not os.access(path.parent / str(value), os.R_OK):
            raise _fault(
                t(
                    "{key} of {kind} {name} in {file} is {path}, which can't be read",
                    key=key,
                    kind=kind,
                    name=name,
                    file=str(path),
                    path=str(path.parent / str(value)),
                )
            )


def _names(entries: Mapping[str, object]) -> str:
    return ", ".join(sorted(entries)) or "-"


def _fault(text: Text) -> KubernetesConfigError:
    return KubernetesConfigError(text)
