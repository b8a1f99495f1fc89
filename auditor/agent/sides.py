"""Opens both sides of a cluster from its configuration, and finds out early whether they answer."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from auditor.collect.errors import ConfigError
from auditor.collect.plan import Side
from auditor.config.clusters import Cluster
from auditor.config.credentials import Credentials
from auditor.facts.ref import Layer
from auditor.facts.table import Reason

if TYPE_CHECKING:
    from auditor.collect.alibaba.client import CloudClient
    from auditor.collect.alibaba.credentials import CredentialSettings
    from auditor.collect.kubernetes.client import KubernetesClient


@contextmanager
def open_sides(cluster: Cluster) -> Iterator[dict[Layer, Side]]:
    """Open both clients, ask each side one cheap question, and close them after the block.

    A side that does not answer is given as the reason why.

    Raises:
        ConfigError: the configuration of a side is wrong, as far as this machine can tell.
        BadConfig: a secret that it names can't be read.
    """
    from auditor.collect.alibaba.sts import preflight as cloud_preflight  # noqa: PLC0415 - imports the SDKs
    from auditor.collect.kubernetes.client import preflight as kubernetes_preflight  # noqa: PLC0415

    with ExitStack() as stack:
        cloud = _open_cloud(cluster)
        stack.callback(cloud.close)
        kubernetes = stack.enter_context(_open_kubernetes(cluster))
        with ThreadPoolExecutor(2, thread_name_prefix="preflight") as pool:
            asked: dict[Layer, Callable[[], Reason | None]] = {
                Layer.KUBERNETES: pool.submit(kubernetes_preflight, kubernetes).result,
                Layer.CLOUD: pool.submit(cloud_preflight, cloud).result,
            }
            yield {
                Layer.KUBERNETES: asked[Layer.KUBERNETES]() or kubernetes,
                Layer.CLOUD: asked[Layer.CLOUD]() or cloud,
            }


def local_problems(cluster: Cluster) -> list[str]:
    """Say what is wrong with the ways to both sides, as far as this machine can tell. Calls nobody."""
    from auditor.collect.kubernetes.kubeconfig import check_kubeconfig, kubeconfig_files  # noqa: PLC0415

    found = []
    if not cluster.kubernetes.in_cluster:
        try:
            check_kubeconfig(kubeconfig_files(cluster.kubernetes.kubeconfig), cluster.kubernetes.context)
        except ConfigError as error:
            found.append(f"kubernetes: {error}")
    try:
        _open_cloud(cluster).close()
    except ConfigError as error:
        found.append(f"alibaba: {error}")
    return found


def _open_kubernetes(cluster: Cluster) -> "KubernetesClient":
    from auditor.collect.kubernetes.client import Patience, open_client  # noqa: PLC0415

    access = cluster.kubernetes
    return open_client(
        kubeconfig=access.kubeconfig,
        context=access.context,
        in_cluster=access.in_cluster,
        patience=Patience(deadline=access.timeout_seconds),
        probes=frozenset(cluster.probes),
        secret_metadata=access.secret_metadata,
    )


def _open_cloud(cluster: Cluster) -> "CloudClient":
    from auditor.collect.alibaba.client import CloudClient  # noqa: PLC0415

    access = cluster.alibaba
    return CloudClient(
        cluster.region,
        cluster.cluster_id,
        _credentials(access.credentials),
        endpoint=access.endpoint,
        endpoints=access.endpoints,
        allow_plain_http=access.allow_plain_http,
        deadline_seconds=access.timeout_seconds,
    )


def _credentials(given: Credentials) -> "CredentialSettings":
    from auditor.collect.alibaba.credentials import CredentialSettings  # noqa: PLC0415

    secrets = {key: secret.reveal() for key in given.SECRETS if (secret := getattr(given, key)) is not None}
    return CredentialSettings(
        kind=given.kind,
        role_arn=given.role_arn,
        session_name=given.session_name,
        external_id=given.external_id,
        source=_credentials(given.source) if given.source else None,
        role_name=given.role_name,
        oidc_provider_arn=given.oidc_provider_arn,
        oidc_token_file=str(given.oidc_token_file or ""),
        profile=given.profile,
        uri=given.uri,
        **secrets,
    )
