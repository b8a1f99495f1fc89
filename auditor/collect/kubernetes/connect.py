"""Making a connection to the API server from a kubeconfig, from the Pod's own account, or from what ACK hands out."""

import logging
import os
import ssl
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from auditor.collect.kubernetes.access import Access, access_of
from auditor.collect.kubernetes.handed_out import read_handed_out
from auditor.collect.kubernetes.kubeconfig import (
    KubernetesConfigError,
    check_kubeconfig,
    kubeconfig_files,
)
from auditor.facts.text import t

CONNECTIONS = 8
"""How many calls are under way at once."""
LOGIN_SECONDS = 60.0
"""How long a login command may take."""


class Connection(NamedTuple):
    """An ``ApiClient`` of the ``kubernetes`` package, and what may be said of it.

    Attributes:
        api_client: the client.
        access: what may be said of it.
        renew: gives the client another token, by reading its file again or by the login command; None where the token
            is a fixed one, or where there is none. Raises whatever goes wrong on the way.
    """

    api_client: Any
    access: Access
    renew: Callable[[], None] | None = None


def connect(kubeconfig: Path | None, context: str, *, in_cluster: bool, handed_out: str = "") -> Connection:
    """Return a connection: the authentication and the connection pool of the ``kubernetes`` package are used.

    ``handed_out`` is the text of a kubeconfig that came from ACK, in place of the others.

    Raises KubernetesConfigError for everything that is wrong before the first call.
    """
    if handed_out:
        return _from_ack(handed_out)
    return _from_pod() if in_cluster else _from_kubeconfig(kubeconfig, context)


def _from_ack(text: str) -> Connection:
    given = read_handed_out(text)
    tls = given.tls()
    from kubernetes import client  # noqa: PLC0415 - half a second to import

    configuration = _configuration(client)
    configuration.host = given.server
    if given.token:
        configuration.api_key["BearerToken"] = f"Bearer {given.token}"
    api_client = client.ApiClient(configuration)
    if tls:
        # Given so, the package needs no files with the certificate and its key, which it would leave behind.
        api_client.rest_client.pool_manager.connection_pool_kw["ssl_context"] = tls
    return Connection(
        api_client,
        access_of(
            api_client,
            "ack",
            context=given.context,
            user=given.user,
            certificate=given.certificate if tls else "",
            authority=given.authority if tls else "",
            renews=True,
        ),
    )


def _from_pod() -> Connection:
    from kubernetes import client, config  # noqa: PLC0415 - half a second to import

    configuration = _configuration(client)
    try:
        config.load_incluster_config(client_configuration=configuration)
    except (config.ConfigException, OSError, ValueError):
        raise KubernetesConfigError(
            t(
                "in_cluster is true, but this process has no service account: it runs outside of a Pod, or "
                "automountServiceAccountToken is false; set kubeconfig instead, or mount the token"
            )
        ) from None
    api_client = client.ApiClient(configuration)
    # The package reads the file again once a minute, but not because its token was refused.
    return Connection(
        api_client,
        access_of(api_client, "pod"),
        renew=lambda: config.load_incluster_config(client_configuration=configuration),
    )


def _from_kubeconfig(kubeconfig: Path | None, context: str) -> Connection:
    files = kubeconfig_files(kubeconfig)
    chosen = check_kubeconfig(files, context)
    user = chosen.user
    where = ", ".join(str(path) for path in files)
    from kubernetes import client, config  # noqa: PLC0415 - half a second to import

    configuration = _configuration(client)
    try:
        api_client = _in_time(
            config.new_client_from_config,
            os.pathsep.join(str(path) for path in files),
            context or None,
            persist_config=False,
            client_configuration=configuration,
        )
    except TimeoutError:
        raise KubernetesConfigError(
            t(
                "the login command of context {context} of {file} did not end within {seconds} s; run it by hand",
                context=context or "(current)",
                file=where,
                seconds=LOGIN_SECONDS,
            )
        ) from None
    except Exception as error:  # noqa: BLE001 - the package raises whatever the broken entry leads to
        # Its words are left out: they may quote the entry, and with it a token or a key.
        raise KubernetesConfigError(
            t(
                "context {context} of {file} can't be used ({error}); does kubectl work with it?",
                context=context or "(current)",
                file=where,
                error=type(error).__name__,
            )
        ) from None
    # The package only logs that a plugin failed, and goes on as nobody.
    if user.get("exec") and not (configuration.api_key or configuration.cert_file):
        raise KubernetesConfigError(
            t(
                "the login command {command} of {file} gave no credentials; run it by hand to see why",
                command=str(user["exec"]["command"]),
                file=where,
            )
        )
    _check_certificates(configuration, where)

    def load_again() -> None:
        _in_time(
            config.load_kube_config,
            os.pathsep.join(str(path) for path in files),
            context or None,
            client_configuration=configuration,
            persist_config=False,
        )

    return Connection(
        api_client,
        access_of(api_client, "file", context=chosen.context, user=chosen.user_name, renews=bool(user.get("exec"))),
        renew=load_again if configuration.api_key and (user.get("exec") or user.get("tokenFile")) else None,
    )


def _in_time(load: Callable[..., Any], *args: Any, **settings: Any) -> Any:
    """Return what ``load`` returns; it may run a login command, which may wait for ever. Raises TimeoutError."""
    result: Future[Any] = Future()

    def run() -> None:
        try:
            with quiet():
                result.set_result(load(*args, **settings))
        except BaseException as error:  # noqa: BLE001 - raised again where the result is waited for
            result.set_exception(error)

    threading.Thread(target=run, name="login", daemon=True).start()
    return result.result(LOGIN_SECONDS)


def _configuration(client: Any) -> Any:
    configuration = type.__call__(client.Configuration)
    configuration.connection_pool_maxsize = CONNECTIONS
    return configuration


def _check_certificates(configuration: Any, where: str) -> None:
    if not str(configuration.host).startswith("https"):
        return
    key = "certificate-authority"
    try:
        tls = ssl.create_default_context(cafile=configuration.ssl_ca_cert or None)
        if configuration.cert_file:
            key = "client-certificate, client-key"
            # A password is given so that an encrypted key is an error and not a question at the terminal.
            tls.load_cert_chain(configuration.cert_file, configuration.key_file, password="")
    except (OSError, ValueError):
        raise KubernetesConfigError(
            t("{key} in {file} is no valid PEM certificate, or does not match its key", key=key, file=where)
        ) from None
    if not configuration.verify_ssl:
        # The operator's choice stands in the kubeconfig; a warning for each call would say nothing more.
        from urllib3.exceptions import InsecureRequestWarning  # noqa: PLC0415

        warnings.simplefilter("ignore", InsecureRequestWarning)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the ``kubernetes`` package from logging what a login command said: that may hold secrets."""
    root = logging.getLogger()
    # Without a handler, the first record would make one that writes to standard error.
    handler = logging.NullHandler()
    root.addHandler(handler)
    root.addFilter(_is_not_of_the_package)
    try:
        yield
    finally:
        root.removeFilter(_is_not_of_the_package)
        root.removeHandler(handler)


def _is_not_of_the_package(record: logging.LogRecord) -> bool:
    return record.module not in ("kube_config", "exec_provider")
