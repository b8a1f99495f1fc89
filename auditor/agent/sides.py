"""Opens both sides of a cluster from its configuration, and finds out early whether they answer."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, TypeVar

from auditor.collect.errors import ConfigError
from auditor.collect.plan import Client, Side, Unanswered
from auditor.config.base import BadConfig
from auditor.config.clusters import Cluster
from auditor.config.credentials import Credentials
from auditor.facts.ref import Layer
from auditor.facts.table import Reason, ReasonKind
from auditor.facts.text import t

if TYPE_CHECKING:
    from auditor.collect.alibaba.client import CloudClient
    from auditor.collect.alibaba.credentials import CredentialSettings
    from auditor.collect.kubernetes.client import KubernetesClient

C = TypeVar("C", bound=Client)


@contextmanager
def open_sides(cluster: Cluster) -> Iterator[dict[Layer, Side]]:
    """Open both clients, ask each side one cheap question, and close them after the block.

    A side that does not answer is given with the reason why. Where ACK is to hand out the kubeconfig and does not,
    the Kubernetes side is given as that reason alone.

    Raises:
        ConfigError: the configuration of a side is wrong, as far as this machine can tell.
        BadConfig: a secret that it names can't be read.
    """
    with ExitStack() as stack:
        cloud = _open_cloud(cluster)
        stack.callback(cloud.close)
        yield _asked(cloud, _entered(stack, _open_kubernetes(cluster, cloud)))


@contextmanager
def open_either(cluster: Cluster) -> Iterator[dict[Layer, Side]]:
    """Open what can be opened, as :func:`open_sides` does; a side whose configuration is wrong is given as a reason."""
    with ExitStack() as stack:
        cloud: CloudClient | Reason
        kubernetes: KubernetesClient | Reason
        try:
            cloud = _open_cloud(cluster)
            stack.callback(cloud.close)
        except (BadConfig, ConfigError) as error:
            cloud = _unusable("alibaba", error)
        try:
            kubernetes = _entered(stack, _open_kubernetes(cluster, cloud))
        except (BadConfig, ConfigError) as error:
            kubernetes = _unusable("kubernetes", error)
        yield _asked(cloud, kubernetes)


def _entered(stack: ExitStack, kubernetes: "KubernetesClient | Reason") -> "KubernetesClient | Reason":
    return kubernetes if isinstance(kubernetes, Reason) else stack.enter_context(kubernetes)


def _unusable(source: str, error: Exception) -> Reason:
    message = t("the configuration of this side can't be used: {error}", error=str(error))
    return Reason(source, ReasonKind.ERROR, message)


def _asked(cloud: "CloudClient | Reason", kubernetes: "KubernetesClient | Reason") -> dict[Layer, Side]:
    from auditor.collect.alibaba.sts import preflight as cloud_preflight  # noqa: PLC0415 - imports the SDKs
    from auditor.collect.kubernetes.client import preflight as kubernetes_preflight  # noqa: PLC0415

    with ThreadPoolExecutor(2, thread_name_prefix="preflight") as pool:
        of_kubernetes = pool.submit(lambda: _asked_first(kubernetes, kubernetes_preflight))
        of_cloud = pool.submit(lambda: _asked_first(cloud, cloud_preflight))
    return {Layer.KUBERNETES: of_kubernetes.result(), Layer.CLOUD: of_cloud.result()}


def _asked_first(client: C | Reason, preflight: Callable[[C], Reason | None]) -> Side:
    return client if isinstance(client, Reason) else _side(client, preflight(client))


def _side(client: Client, reason: Reason | None) -> Side:
    return Unanswered(client, reason) if reason else client


def local_problems(cluster: Cluster, *, with_secrets: bool = True) -> list[str]:
    """Say what is wrong with the ways to both sides, as far as this machine can tell. Calls nobody.

    ``with_secrets``: whether a secret that can't be read is one of the problems.
    """
    from auditor.collect.kubernetes.kubeconfig import check_kubeconfig, kubeconfig_files  # noqa: PLC0415

    found = []
    if not (cluster.kubernetes.in_cluster or cluster.kubernetes.from_ack):
        try:
            check_kubeconfig(kubeconfig_files(cluster.kubernetes.kubeconfig), cluster.kubernetes.context)
        except ConfigError as error:
            found.append(f"kubernetes: {error}")
    try:
        _open_cloud(cluster).close()
    except ConfigError as error:
        found.append(f"alibaba: {error}")
    except BadConfig as error:
        found += [f"alibaba: {error}"] if with_secrets else []
    return found


def _open_kubernetes(cluster: Cluster, cloud: "CloudClient | Reason") -> "KubernetesClient | Reason":
    access = cluster.kubernetes
    if not access.from_ack:
        return _kubernetes(cluster)
    if isinstance(cloud, Reason):
        return cloud
    from auditor.collect.alibaba.kubeconfig import hand_out  # noqa: PLC0415 - imports the SDKs

    kubeconfig = hand_out(cloud, is_private=access.from_ack == "intranet", seconds=access.timeout_seconds)
    if isinstance(kubeconfig, Reason):
        return kubeconfig
    try:
        return _kubernetes(cluster, kubeconfig)
    except ConfigError as error:
        # It is the answer of ACK that is at fault, and nothing that is configured here.
        return Reason("cs", ReasonKind.MALFORMED, error.text)


def _kubernetes(cluster: Cluster, handed_out: str = "") -> "KubernetesClient":
    from auditor.collect.kubernetes.client import Patience, open_client  # noqa: PLC0415

    access = cluster.kubernetes
    return open_client(
        handed_out=handed_out,
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
        ca_file=access.ca_file,
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
