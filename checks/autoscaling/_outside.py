"""Autoscalers that ACK runs outside of the cluster."""

from auditor.facts.cloud.cs import Cluster
from auditor.facts.landscape import ClusterIdentity
from auditor.judge.api import Table, said, t

DEDICATED = "Kubernetes"
"""The type of a cluster with control planes of its own: nothing of it runs elsewhere."""


def may_run_outside(clusters: Table[Cluster], cluster: ClusterIdentity) -> bool:
    """Tell whether the absence of a Deployment can mean that ACK runs it elsewhere, if its add-on is active.

    Raises:
        NotKnown: the type of the cluster could not be read.
    """
    row = clusters.get(cluster.cluster_id)
    return said(row.type if row else None, "cs", t("the type of the cluster")) != DEDICATED
