"""The known words of components: each id once, each line by its pattern, and none by words that mean nothing."""

import pytest

from auditor.facts.rules.log_patterns import (
    CLUSTER_AUTOSCALER,
    CSI_PLUGIN,
    CSI_PROVISIONER,
    FLEXVOLUME,
    GOATSCALER,
    LOG_PATTERNS,
    NGINX_INGRESS,
    patterns_of,
)

CAUSES = {*(f"S{n}" for n in range(1, 11)), *(f"N{n}" for n in range(1, 14)), *(f"A{n}" for n in range(1, 6))}


def test_ids_are_unique_and_causes_exist() -> None:
    assert len({pattern.id for pattern in LOG_PATTERNS}) == len(LOG_PATTERNS)
    for pattern in LOG_PATTERNS:
        assert set(pattern.causes) <= CAUSES
        assert pattern.components
        assert pattern.source


@pytest.mark.parametrize(
    ("component", "line", "ids"),
    [
        (
            CSI_PROVISIONER,
            "disk d-1 is already attached to instance i-2, reject force detach",
            {"disk-attached-elsewhere"},
        ),
        (CSI_PLUGIN, "Multi-Attach error for volume", {"disk-attached-elsewhere"}),
        (CSI_PROVISIONER, "ErrorCode: InvalidDiskId.NotInSameZone", {"disk-in-other-zone"}),
        (CSI_PLUGIN, "driver name x.csi not found in the list of registered CSI drivers", {"driver-not-registered"}),
        (CSI_PROVISIONER, "DiskNotPortable: The specified disk is not a portable disk.", {"disk-not-portable"}),
        (CSI_PLUGIN, "mount.nfs: access denied by server while mounting", {"nas-access-denied"}),
        (CSI_PLUGIN, "mount.nfs: Failed to resolve server x.nas.aliyuncs.com", {"nas-not-reachable"}),
        (CSI_PROVISIONER, "InvalidMountTarget.NotFound", {"nas-not-found"}),
        (FLEXVOLUME, "Setting volume ownership for /x", {"ownership-changed"}),
        (CSI_PROVISIONER, "InstanceDiskLimitExceeded", {"disk-count"}),
        (CSI_PROVISIONER, "InvalidDataDiskCatagory.NotSupported", {"disk-type-or-stock"}),
        (CSI_PROVISIONER, "QuotaExceed.Snapshot", {"volume-quota"}),
        (CSI_PROVISIONER, "Forbidden.RAM: User not authorized", {"driver-denied"}),
        (NGINX_INGRESS, "nginx: [emerg] unknown directive", {"nginx-config-refused"}),
        (NGINX_INGRESS, 'Service "shop/web" does not have any active Endpoint.', {"ingress-without-endpoint"}),
        (
            NGINX_INGRESS,
            'Error obtaining X.509 certificate: no object matching key "shop/tls"',
            {"ingress-certificate"},
        ),
        (NGINX_INGRESS, "access forbidden by rule, client: 10.0.0.1", {"ingress-forbidden"}),
        (CLUSTER_AUTOSCALER, "ErrorCode: Forbidden.Unauthorized", {"autoscaler-denied"}),
        (GOATSCALER, "NoPermission", {"autoscaler-denied"}),
        (CLUSTER_AUTOSCALER, "Skipping node group asg-1 - max node group size reached", {"pool-full"}),
        (CLUSTER_AUTOSCALER, "1 Insufficient cpu", {"pool-too-small"}),
        (CLUSTER_AUTOSCALER, "2 node(s) didn't match Pod's node affinity/selector", {"zone-or-affinity"}),
        (CLUSTER_AUTOSCALER, "Disabling scale-up: node group asg-1 is in backoff", {"pool-in-backoff"}),
        (CLUSTER_AUTOSCALER, "OperationDenied.NoStock", {"no-stock"}),
        (CLUSTER_AUTOSCALER, "InvalidVSwitchId.IpNotEnough", {"vswitch-without-addresses"}),
        (CLUSTER_AUTOSCALER, "asg-bp1 is not exists", {"scaling-group-gone"}),
        (CLUSTER_AUTOSCALER, "No unschedulable pods", set()),
        (CSI_PLUGIN, "NodeStageVolume: Mount Successful: volumeId: d-1", set()),
        (NGINX_INGRESS, "Backend successfully reloaded", set()),
    ],
)
def test_a_line_is_known_by_its_pattern(component: str, line: str, ids: set[str]) -> None:
    assert {pattern.id for pattern in patterns_of(component) if pattern.regex.search(line)} == ids
