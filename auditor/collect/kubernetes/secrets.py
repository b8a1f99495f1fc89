"""Secrets: that they exist. Their data is not asked for, and not read if a server sends it all the same."""

from auditor.collect.kubernetes.client import KubernetesClient
from auditor.collect.kubernetes.failures import SOURCE, reason
from auditor.collect.kubernetes.lists import Listing, read_table
from auditor.collect.provider import provides
from auditor.facts.kubernetes.secrets import SecretName
from auditor.facts.ref import Layer
from auditor.facts.table import ReasonKind, Table
from auditor.facts.text import t

# https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches
METADATA = Listing(
    "/api/v1/secrets",
    "PartialObjectMetadataList",
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
    needs_kind=True,
)


@provides("secret_names", source=SOURCE, layer=Layer.KUBERNETES, permissions=(METADATA.permission,))
def secret_names(client: KubernetesClient) -> Table[SecretName]:
    """List the metadata of Secrets, if the operator allows it."""
    if not client.secret_metadata:
        message = t("Secrets are not listed; set secret_metadata = true to let their names be read")
        return Table.unavailable("secret_names", reason(ReasonKind.SWITCHED_OFF, message))
    return read_table(client, "secret_names", METADATA, SecretName)
