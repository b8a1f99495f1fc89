"""No node pool that scales automatically makes nodes that the Pod asks for.

The autoscaler adds a node only if the Pod could run on it: it compares the labels, taints and architecture that the
pool's configuration gives to new nodes with the Pod's node selector, required affinity and tolerations. A label that
somebody put on a node by hand is not in the configuration, and no new node will carry it; a taint that the
configuration has, every new node will. So the Pod waits, though pools could grow, and the autoscaler says no more than
that the Pod triggered no scale-up.
"""

from collections.abc import Iterable, Iterator

from auditor.facts.joins.pending_pods import PendingPods
from auditor.facts.joins.pod_reasons import PodReasons
from auditor.facts.joins.pool_fits import PoolFits
from auditor.facts.joins.pool_obstacles import Stage
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.landscape import ClusterIdentity
from auditor.judge.api import Check, Finding, NotApplicable, Passed, Severity, Step, Table, Verdict, t
from checks.autoscaling._pending import (
    certainty_of,
    describe_pod,
    pool_hops,
    set_aside,
    show_pools,
    waiting_pods,
    waits,
    words_on,
)

check = Check(
    severity=Severity.MEDIUM,
    causes=("A5",),
    since="0.1.0",
    symptoms=("no-scale-up",),
    limits=(
        "A label that a component sets on new nodes, and no pool names, is known only from the nodes that there are.",
        "Pools are taken to run Linux while they have no node: no API says which system they have.",
    ),
    links=(
        "https://www.alibabacloud.com/help/en/ack/ack-managed-and-ack-dedicated/user-guide/faq-about-node-auto-scaling",
    ),
)


def subjects(pods: Table[Pod]) -> Iterable[Pod]:
    return waiting_pods(pods)


def judge(
    pod: Pod, pending_pods: PendingPods, pod_reasons: PodReasons, pool_fits: PoolFits, cluster: ClusterIdentity
) -> Iterator[Verdict]:
    aside = set_aside(pod, pending_pods, pod_reasons)
    if aside is not None:
        yield aside
        return
    ruled_out = pool_fits.ruled_out(pod, Stage.LABELS)
    if ruled_out is None:
        yield Passed() if pool_fits.enabled() else NotApplicable(t("no node pool scales automatically"))
        return
    yield Finding(
        subject=pod.ref,
        fault="no-pool-matches",
        certainty=certainty_of(ruled_out),
        message=t(
            "no node pool that scales automatically makes nodes that Pod {pod} may be on: {pools}",
            pod=pod.key,
            pools=ruled_out.described,
        ),
        trail=(waits(pod), *pool_hops(ruled_out.furthest_first)),
        evidence={
            "pools": ruled_out.described,
            "node_selector": [f"{key}={value}" for key, value in sorted((pod.spec.node_selector or {}).items())],
            "tolerations": sorted({f"{one.key}:{one.effect}".strip(":") or "*" for one in pod.spec.tolerations or ()}),
            **words_on(pod, pending_pods),
        },
        remedy=(
            describe_pod(pod),
            show_pools(cluster),
            Step(
                t(
                    "Correct the Pod's node selector, affinity or tolerations; the workload rolls its Pods when its "
                    "template is changed"
                )
            ),
            Step(
                t(
                    "Or give the labels to a pool, or take the taint from it: console, Nodes, Node Pools, Edit, Node "
                    "Labels and Taints. New nodes get them; tick that they are updated on the present ones too only if "
                    "those are to take such Pods. Without its taint a pool takes other Pods as well"
                )
            ),
            Step(t("Or make a node pool with auto scaling for such Pods, with just these labels, taints and types")),
        ),
    )
