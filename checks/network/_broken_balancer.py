"""The findings on a load balancer of the API server that does not work."""

from collections.abc import Sequence

from auditor.facts.cloud.slb import Listener, LoadBalancer, ServerHealth
from auditor.facts.cloud.vpc import Eip
from auditor.facts.joins.api_load_balancer import ApiBalancer
from auditor.facts.landscape import ClusterIdentity
from auditor.judge.api import Finding, Step, broken, cloud_ref, ok, step, t, unknown
from checks.network._api_balancer import API_PORT, listener_ref, look_at, shown


def missing_finding(subject: ApiBalancer, cluster: ClusterIdentity) -> Finding:
    """Make the finding that the load balancer does not exist any more."""
    return Finding(
        subject=subject.ref,
        fault="missing",
        message=t("load balancer {id} of the API server does not exist", id=subject.id),
        why=t(
            "ACK's description of the cluster names it, and the list of load balancers of the region does not have it. "
            "One that was deleted can't be made again with the same address, which is in every kubelet's configuration."
        ),
        trail=(
            ok(
                cluster.ref, t("names load balancer {id}, by its {source}", id=subject.id, source=str(subject.named_by))
            ),
            broken(subject.ref, t("does not exist")),
        ),
        evidence={"load_balancer": subject.id, "named_by": str(subject.named_by)},
        remedy=(
            step(
                t("Confirm, and see in ActionTrail who deleted it and when."),
                *("aliyun", "slb", "DescribeLoadBalancers", "--RegionId", cluster.region),
                *("--LoadBalancerId", subject.id),
            ),
            step(
                t(
                    "Submit a ticket to ACK at once, with the cluster id. Meanwhile restart and drain nothing: what "
                    "runs goes on. Be ready to move the workloads to a new cluster."
                )
            ),
        ),
    )


def inactive_finding(balancer: LoadBalancer, region: str) -> Finding:
    """Make the finding that the load balancer is stopped or locked."""
    status = balancer.status or ""
    is_locked = status.lower() == "locked"
    cure = (
        step(
            t(
                "It is locked: pay what is overdue in the billing console, or follow the security notice. It works "
                "again some minutes later. One that stays locked is released in the end, and the cluster with it."
            )
        )
        if is_locked
        else step(
            t("Start it again: its listeners forward at once."),
            *("aliyun", "slb", "SetLoadBalancerStatus", "--RegionId", region, "--LoadBalancerId", balancer.id),
            *("--LoadBalancerStatus", "active"),
        )
    )
    return Finding(
        subject=balancer.ref,
        fault="not-active",
        message=t("load balancer {id} of the API server is {status}, not active", id=balancer.id, status=status),
        trail=(
            broken(balancer.ref, t("LoadBalancerStatus {status}", status=status)),
            unknown(listener_ref(balancer.id), t("not looked at: its load balancer does not forward")),
        ),
        evidence={"status": status, "address": balancer.address},
        remedy=(look_at(region, balancer.id), cure),
    )


def no_listener_finding(balancer: LoadBalancer, same: Sequence[Listener], region: str) -> Finding:
    """Make the finding that there is no listener TCP 6443."""
    others = [f"{one.protocol} {one.port}" for one in same]
    return Finding(
        subject=balancer.ref,
        fault="listener-missing",
        message=t("load balancer {id} of the API server has no listener TCP {port}", id=balancer.id, port=API_PORT),
        trail=(
            ok(balancer.ref, t("LoadBalancerStatus {status}", status=balancer.status or "")),
            broken(listener_ref(balancer.id), t("does not exist; there are: {listeners}", listeners=others)),
        ),
        evidence={"listeners": others},
        remedy=(
            look_at(region, balancer.id),
            step(
                t(
                    "Submit a ticket to ACK to have the listener made again: in a managed cluster its servers are "
                    "network interfaces that only ACK can add."
                )
            ),
            step(
                t("In a dedicated cluster make it again, TCP 6443 to the masters' port 6443, and start it."),
                *("aliyun", "slb", "CreateLoadBalancerTCPListener", "--RegionId", region),
                *("--LoadBalancerId", balancer.id, "--ListenerPort", str(API_PORT)),
                *("--VServerGroupId", "<group-of-the-masters>", "--Bandwidth", "-1"),
            ),
        ),
    )


def stopped_finding(balancer: LoadBalancer, listener: Listener, region: str) -> Finding:
    """Make the finding that the listener does not run."""
    status = listener.status or ""
    return Finding(
        subject=balancer.ref,
        fault="listener-stopped",
        message=t(
            "listener TCP {port} of load balancer {id} of the API server is {status}, not running",
            id=balancer.id,
            port=API_PORT,
            status=status,
        ),
        trail=(
            ok(balancer.ref, t("LoadBalancerStatus {status}", status=balancer.status or "")),
            broken(listener_ref(balancer.id), t("status {status}", status=status)),
        ),
        evidence={"listener_status": status},
        remedy=(
            look_at(region, balancer.id),
            step(
                t("Start it again; it forwards at once. See in ActionTrail who stopped it."),
                *("aliyun", "slb", "StartLoadBalancerListener", "--RegionId", region),
                *("--LoadBalancerId", balancer.id, "--ListenerPort", str(API_PORT), "--ListenerProtocol", "tcp"),
            ),
        ),
    )


def abnormal_finding(
    balancer: LoadBalancer, servers: Sequence[ServerHealth], abnormal: Sequence[ServerHealth], region: str
) -> Finding:
    """Make the finding that servers behind the listener don't pass their health check."""
    is_whole = len(abnormal) == len(servers)
    message = (
        t(
            "none of the servers behind TCP {port} of load balancer {id} of the API server passes its health check: "
            "{servers}",
            port=API_PORT,
            id=balancer.id,
            servers=[shown(one) for one in abnormal],
        )
        if is_whole
        else t(
            "{count} of {total} servers behind TCP {port} of load balancer {id} of the API server do not pass their "
            "health check: {servers}",
            count=len(abnormal),
            total=len(servers),
            port=API_PORT,
            id=balancer.id,
            servers=[shown(one) for one in abnormal],
        )
    )
    return Finding(
        subject=balancer.ref,
        fault="servers-abnormal",
        message=message,
        why=t(
            "A server that does not pass gets no connections: the others carry its load, and with all of them out "
            "nobody reaches the API server. The load balancer only notices it; network/apiserver-unhealthy looks for "
            "the cause behind it."
        ),
        trail=(
            ok(balancer.ref, t("LoadBalancerStatus {status}", status=balancer.status or "")),
            broken(
                listener_ref(balancer.id),
                t("{count} of {total} servers abnormal", count=len(abnormal), total=len(servers)),
            ),
        ),
        evidence={"servers": [shown(one) for one in servers]},
        remedy=(
            step(
                t("Confirm."),
                *("aliyun", "slb", "DescribeHealthStatus", "--RegionId", region, "--LoadBalancerId", balancer.id),
            ),
            step(
                t(
                    "In a dedicated cluster look at the masters: does the instance run, does kube-apiserver listen on "
                    "port 6443? In a managed one submit a ticket to ACK, with the cluster id and the time."
                )
            ),
        ),
    )


def empty_finding(balancer: LoadBalancer, region: str) -> Finding:
    """Make the finding that there is no server behind the listener."""
    return Finding(
        subject=balancer.ref,
        fault="no-servers",
        message=t(
            "there is no server behind TCP {port} of load balancer {id} of the API server",
            port=API_PORT,
            id=balancer.id,
        ),
        trail=(
            ok(balancer.ref, t("LoadBalancerStatus {status}", status=balancer.status or "")),
            broken(listener_ref(balancer.id), t("its server group is empty")),
        ),
        evidence={"servers": []},
        remedy=(look_at(region, balancer.id), _ticket_or_masters()),
    )


def detached_finding(balancer: LoadBalancer, address: str, eip: Eip | None, region: str) -> Finding:
    """Make the finding that the address of the public endpoint is not bound to the load balancer."""
    where = (
        t("bound to {instance}", instance=eip.instance_id)
        if eip and eip.instance_id
        # Those that are bound to machines or gateways are not listed, so that more can't be said.
        else t("bound to no load balancer")
    )
    remedy = [
        step(
            t("Confirm."),
            *("aliyun", "vpc", "DescribeEipAddresses", "--RegionId", region, "--EipAddress", address),
        ),
        step(
            t(
                "If it was taken away by mistake, unbind it from what has it now, and bind it to the load balancer "
                "again; the API server can then be reached from the Internet at once, as far as its access control "
                "list lets."
            ),
            *("aliyun", "vpc", "AssociateEipAddress", "--RegionId", region),
            *("--AllocationId", eip.id if eip else "<eip>"),
            *("--InstanceType", "SlbInstance", "--InstanceId", balancer.id),
        ),
        step(
            t(
                "If the address was released, bind a new one in the ACK console (Basic Information > Bind EIP) and "
                "hand out kubeconfigs anew. Meanwhile use the intranet endpoint, from inside of the VPC."
            )
        ),
    ]
    return Finding(
        subject=balancer.ref,
        fault="eip-detached",
        message=t(
            "the public endpoint of the API server is {address}, but that elastic IP address is not bound to its load "
            "balancer {id}: it is {where}",
            address=address,
            id=balancer.id,
            where=where,
        ),
        trail=(
            broken(
                eip.ref if eip else cloud_ref("Eip", address), t("{address}: {where}", address=address, where=where)
            ),
            ok(balancer.ref, t("address {address}", address=balancer.address)),
        ),
        evidence={
            "public_endpoint": address,
            "eip": eip.id if eip else None,
            "eip_status": eip.status if eip else None,
            "bound_to": eip.instance_id if eip else None,
        },
        remedy=tuple(remedy),
    )


def locked_finding(balancer: LoadBalancer, eip: Eip, locks: Sequence[str], region: str) -> Finding:
    """Make the finding that the elastic IP address is locked."""
    return Finding(
        subject=balancer.ref,
        fault="eip-locked",
        message=t(
            "elastic IP address {address} of the API server's load balancer {id} is locked: {locks}",
            address=eip.address,
            id=balancer.id,
            locks=list(locks),
        ),
        trail=(
            broken(eip.ref, t("is locked: {locks}", locks=list(locks))),
            ok(balancer.ref, t("LoadBalancerStatus {status}", status=balancer.status or "")),
        ),
        evidence={
            "eip": eip.id,
            "business_status": eip.business_status,
            "lock_reasons": list(eip.lock_reasons or ()),
        },
        remedy=(
            step(
                t("Confirm."),
                *("aliyun", "vpc", "DescribeEipAddresses", "--RegionId", region, "--AllocationId", eip.id),
            ),
            step(
                t(
                    "Pay what is overdue (financial), or follow the security notice (security). Meanwhile use the "
                    "intranet endpoint from inside of the VPC. An address that stays locked is released in the end."
                )
            ),
        ),
    )


def _ticket_or_masters() -> Step:
    return step(
        t(
            "In a dedicated cluster add the masters to its server group again, port 6443. In a managed one submit a "
            "ticket to ACK: the servers are network interfaces that only ACK can add."
        )
    )
