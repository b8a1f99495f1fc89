"""The faults of the shared landscapes. Each function plants what one check, or several, are to find."""

from tests.fakes.kubernetes import Fault
from tests.scenarios import access, autoscaling, drivers, ingresses, services
from tests.scenarios import storage as s
from tests.scenarios.kit import Scene
from tests.scenarios.storage_plants import another_user

API_BALANCER = "lb-bp1y28udk3bwt0a77lw9h"
API_ACL = "acl-bp1vdyd1xtgltp0uwysrh"
API_LISTENER = f"{API_BALANCER}/6443/tcp"
ROUTES = "vtb-bp1ckdry1c9lmcfd0xfjw"
LEASES = "/apis/coordination.k8s.io/v1/leases"
AUTOSCALER = "cluster-autoscaler"
CATALOG = "shop/catalog-d46dc465-dx8qv"
OTHER_INSTANCE = "i-bp1n0rd3fa7nmtaomxdg"
"""The instance of node 192.168.0.12, in the zone of mysql-0's disk."""
MADE = "2026-11-22T22:20:00Z"
LONG_AGO = "2026-11-22T21:30:00Z"


# --- applications ------------------------------------------------------------------------------------------------


def a_disk_is_held(scene: Scene) -> None:
    """A Pod starts on a node while its disk is attached to another one, by a Pod with the same claim."""
    drivers.starting(scene, "data", "mysql-0")
    another_user("reader", s.node("0.12"))(scene)
    s.disk(scene, s.MYSQL_0, InstanceId=OTHER_INSTANCE, Attachments={"Attachment": [{"InstanceId": OTHER_INSTANCE}]})


def a_disk_is_missing(scene: Scene) -> None:
    """A volume names a disk that somebody deleted."""
    drivers.twin(scene, s.BACKUP, "restored")
    s.volume(
        scene,
        "restored",
        csi={"driver": "diskplugin.csi.alibabacloud.com", "volumeHandle": "d-bp1deletedlongago01", "fsType": "ext4"},
    )


def a_mount_target_is_missing(scene: Scene) -> None:
    """A storage class names a mount target that does not exist."""
    parameters = {"server": "0c2292a859-zzz99.cn-hangzhou.nas.aliyuncs.com:/", "volumeAs": "subpath"}
    s.storage_class(scene, "nas-old", provisioner="nasplugin.csi.alibabacloud.com", parameters=parameters)


def a_claim_nobody_serves(scene: Scene) -> None:
    """A claim waits for a provisioner of Flexvolume, in a cluster that has CSI."""
    drivers.provisioned_by("alicloud/nas", "nas-flex")(scene)
    drivers.claim(scene, "shop", "uploads", "nas-flex", "ReadWriteMany")
    scene.kubernetes.patch(s.CLAIMS, "uploads", lambda claim: claim["metadata"].update(creationTimestamp=MADE), "shop")


def files_change_hands(scene: Scene) -> None:
    """Pods with fsGroup wait for a NAS volume of Flexvolume, on which every file gets another group."""

    def waiting(pod: s.Json) -> None:
        pod["spec"]["securityContext"] = {"fsGroup": 2000}
        pod["status"] = {
            "phase": "Pending",
            "conditions": [{"type": "PodScheduled", "status": "True", "lastTransitionTime": MADE}],
            "containerStatuses": [
                {"name": "main", "ready": False, "restartCount": 0, "image": "", "imageID": ""}
                | {"state": {"waiting": {"reason": "ContainerCreating"}}}
            ],
        }

    for pod in scene.kubernetes.objects.all(s.PODS):
        if pod["metadata"]["name"].startswith("log-archiver"):
            scene.kubernetes.patch(s.PODS, pod["metadata"]["name"], waiting, "logging")
    server = "e5bc4e67df-9h4f0.cn-hangzhou.nas.aliyuncs.com"
    s.volume(scene, s.ARCHIVE, **s.flex("alicloud/nas", server=server, path="/log-archive"))


def pods_wait_for_nodes(scene: Scene) -> None:
    """Pods wait: one is too large, one asks for a label that no pool has, one waits for its own claim."""
    autoscaling.wait(scene, name="batch-large", requests={"cpu": "64"}, made=MADE)
    gpu = {"workload-class": "gpu"}
    autoscaling.wait(scene, autoscaling.REFUSED, name="batch-labelled", made=MADE, nodeSelector=gpu)
    unbound = "0/8 nodes are available: pod has unbound immediate PersistentVolumeClaims."
    autoscaling.wait(scene, unbound, name="batch-unbound", made=MADE)
    autoscaling.wait(scene, name="batch-fits", made=MADE)
    autoscaling.group(scene).update(LifecycleState="Inactive")


def a_listener_admits_some(scene: Scene) -> None:
    """A white list on the Ingress controller's load balancer leaves out the nodes and Pods."""
    slb = scene.cloud.state.slb
    slb.acls["acl-office"] = {
        "AclId": "acl-office",
        "AclName": "office",
        "AddressIPVersion": "ipv4",
        "AclEntrys": {"AclEntry": [{"AclEntryIP": "198.51.100.0/24", "AclEntryComment": "office"}]},
    }
    on = {"AclStatus": "on", "AclType": "white", "AclId": "acl-office", "AclIds": ["acl-office"]}
    slb.listeners[f"{services.INGRESS}/443/tcp"].update(on)


def an_ingress_admits_some(scene: Scene) -> None:
    """An Ingress admits an inner range only, and not the clients that the operator named."""
    ingresses.local(scene)
    ingresses.annotate(whitelist_source_range="10.0.0.0/8")(scene)


def a_service_holds_its_clients(scene: Scene) -> None:
    """A listener holds each client on one backend for half an hour."""
    listener = scene.cloud.state.slb.listeners[f"{services.GATEWAY}/443/tcp"]
    listener["TCPListenerConfig"]["PersistenceTimeout"] = 1800


def a_pod_listens_to_itself(scene: Scene) -> None:
    """A Pod's metrics port is bound to the loopback address."""
    scene.kubernetes.execs.listening[CATALOG] = ["127.0.0.1:9090", "0.0.0.0:8080"]


OF_APPLICATIONS = (
    a_disk_is_held,
    a_disk_is_missing,
    a_mount_target_is_missing,
    a_claim_nobody_serves,
    files_change_hands,
    pods_wait_for_nodes,
    a_listener_admits_some,
    an_ingress_admits_some,
    a_service_holds_its_clients,
    a_pod_listens_to_itself,
)


# --- the platform ------------------------------------------------------------------------------------------------


def the_api_server_is_unwell(scene: Scene) -> None:
    """A part of the API server is not ready."""
    scene.kubernetes.unwell["/readyz"] = {"informer-sync"}


def its_load_balancer_drops(scene: Scene) -> None:
    """The load balancer of the API server drops connections."""
    scene.cloud.state.cms.set_metric(API_BALANCER, "InstanceDropConnection", [0, 0, 12, 0])


def the_cloud_controller_manager_stopped(scene: Scene) -> None:
    """The Lease of the cloud controller manager is no longer renewed, while the others are."""
    for lease in scene.kubernetes.objects.all(LEASES):
        if lease["metadata"]["namespace"] == "kube-system":
            name = lease["metadata"]["name"]
            renewed = "2026-11-22T21:40:00.000000Z" if name == "ccm" else "2026-11-22T22:39:57.000000Z"

            def renew(found: s.Json, at: str = renewed) -> None:
                found["spec"]["renewTime"] = at

            scene.kubernetes.patch(LEASES, name, renew, "kube-system")


def the_autoscaler_crashes(scene: Scene) -> None:
    """The autoscaler crashes again and again, and its log says what it may not call."""

    def crash(pod: s.Json) -> None:
        for condition in pod["status"]["conditions"]:
            if condition["type"] in ("Ready", "ContainersReady"):
                condition.update(status="False", lastTransitionTime=LONG_AGO)
        pod["status"]["containerStatuses"][0] |= {
            "ready": False,
            "restartCount": 9,
            "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s"}},
            "lastState": {"terminated": {"exitCode": 255, "reason": "Error", "finishedAt": "2026-11-22T22:38:00Z"}},
        }

    name = next(
        pod["metadata"]["name"]
        for pod in scene.kubernetes.objects.all(s.PODS)
        if pod["metadata"]["name"].startswith(f"{AUTOSCALER}-")
    )
    scene.kubernetes.patch(s.PODS, name, crash, "kube-system")
    status = {"readyReplicas": 0, "availableReplicas": 0, "unavailableReplicas": 1}
    scene.kubernetes.patch(drivers.DEPLOYMENTS, AUTOSCALER, lambda found: found["status"].update(status), "kube-system")
    denied = "E1122 22:39:00.000000       1 ess.go:88] Failed to describe scaling groups: Forbidden.RAM: denied"
    scene.kubernetes.logs[f"kube-system/{name}/{AUTOSCALER}"] = denied + "\n"


def a_driver_is_missing(scene: Scene) -> None:
    """The storage driver runs nowhere any more, and one node has lost its registration."""
    drivers.no_workload(drivers.DAEMONSETS, "csi-plugin")(scene)
    scene.kubernetes.patch(drivers.CSI_NODES, drivers.NODE_OF_MYSQL_0, lambda found: found["spec"].update(drivers=[]))
    drivers.starting(scene, "data", "mysql-0")


def a_log_tells(scene: Scene) -> None:
    """The log of csi-provisioner names a disk that is attached elsewhere."""
    line = f"AttachDisk: Disk {s.MYSQL_0} is already attached to instance i-x, reject force detach"
    head = "E1122 22:39:00.000000       1 controllerserver.go:300] "
    place = f"{drivers.SYSTEM}/{drivers.PROVISIONER_PODS[0]}/csi-provisioner"
    scene.kubernetes.logs[place] = f"{head}{line}\n"


def nodes_are_cut_off(scene: Scene) -> None:
    """The nodes' group drops what goes out to NAS and to a load balancer, and what comes in from Pods; more is off."""
    ecs, vpc = scene.cloud.state.ecs, scene.cloud.state.vpc
    drop = {"IpProtocol": "TCP", "Policy": "Drop", "Priority": "1"}
    ecs.add_rule(access.SHARED, "egress", **drop, PortRange="2049/2049", DestCidrIp="0.0.0.0/0")
    ecs.add_rule(access.SHARED, "egress", **drop, PortRange="9090/9090", DestCidrIp="192.168.2.0/24")
    ecs.add_rule(access.SHARED, "ingress", **drop, PortRange="443/443", SourceCidrIp="172.20.0.0/16")
    routes = vpc.route_entries[ROUTES]
    routes[:] = [one for one in routes if access.INSTANCE_K not in str(one["NextHops"])]
    scene.kubernetes.execs.files[s.node("0.11")] = {"/proc/sys/net/ipv4/ip_forward": "0\n"}


def a_service_stays_local(scene: Scene) -> None:
    """The Ingress controller's Service has externalTrafficPolicy Local, and two Pods on eight nodes."""
    ingresses.local(scene)


def a_node_is_full(scene: Scene) -> None:
    """A node is entered in as many server groups as may be."""
    slb = scene.cloud.state.slb
    slb.add_load_balancer("lb-bp1billing", Address="192.168.3.3", VpcId=slb.load_balancers[services.SHARED]["VpcId"])
    for number in range(50):
        server = {"ServerId": access.INSTANCE_K}
        slb.add_vserver_group(f"rsp-billing{number:02}", "lb-bp1billing", "billing", [server])


def the_service_range_is_used_twice(scene: Scene) -> None:
    """A peered VPC uses the range of the Services' addresses."""
    scene.cloud.state.vpc.add_route(ROUTES, "172.21.0.0/16", "VpcPeer", "pcc-1")


OF_THE_PLATFORM = (
    the_api_server_is_unwell,
    its_load_balancer_drops,
    the_cloud_controller_manager_stopped,
    the_autoscaler_crashes,
    a_driver_is_missing,
    a_log_tells,
    nodes_are_cut_off,
    a_service_stays_local,
    a_node_is_full,
    the_service_range_is_used_twice,
)


# --- the way to the API server -----------------------------------------------------------------------------------


def the_api_server_is_silent(scene: Scene) -> None:
    """The API server answers nobody, and its listener is stopped."""
    scene.kubernetes.fail("*", Fault(close="before"))
    scene.cloud.state.slb.listeners[API_LISTENER]["Status"] = "stopped"


def its_list_leaves_out_ack(scene: Scene) -> None:
    """The white list of its load balancer leaves out the range from which ACK's console calls."""
    entries = scene.cloud.state.slb.acls[API_ACL]["AclEntrys"]["AclEntry"]
    entries[:] = [one for one in entries if one["AclEntryIP"] != "100.104.0.0/16"]


OF_THE_WAY = (the_api_server_is_silent, its_list_leaves_out_ack)
