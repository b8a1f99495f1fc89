"""Where the kubeconfig in use leads, and how long its certificates are good."""

from datetime import datetime

from auditor.collect.kubernetes.client import KubernetesClient
from auditor.collect.kubernetes.failures import SOURCE, reason
from auditor.collect.provider import provides
from auditor.facts.kubernetes.observations import Kubeconfig
from auditor.facts.ref import Layer
from auditor.facts.table import ReasonKind, Table
from auditor.facts.text import t


@provides("kubeconfigs", source=SOURCE, layer=Layer.KUBERNETES, permissions=(), without_answer=True)
def kubeconfigs(client: KubernetesClient) -> Table[Kubeconfig]:
    """Describe the kubeconfig that the client uses. Nobody is called."""
    access = client.access
    try:
        own, authority = _ends(access.certificate), _ends(access.authority)
    except ValueError:
        message = t("a certificate of the kubeconfig for {server} can't be read", server=access.server)
        return Table.unavailable("kubeconfigs", reason(ReasonKind.MALFORMED, message))
    row = Kubeconfig(
        server=access.server,
        origin=access.origin,
        context=access.context,
        user=access.user,
        # The first certificate is the client's own; those behind it are of who issued it.
        certificate_ends_at=own[0] if own else None,
        ca_ends_at=max(authority, default=None),
        renews=access.renews,
    )
    return Table("kubeconfigs", [row])


def _ends(pem: str) -> list[datetime]:
    """Return until when each certificate is good. Raises ValueError for one that can't be read."""
    if not pem:
        return []
    from cryptography import x509  # noqa: PLC0415 - needed only here

    return [certificate.not_valid_after_utc for certificate in x509.load_pem_x509_certificates(pem.encode())]
