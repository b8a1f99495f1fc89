"""What is planted shows in every answer that tells of it."""

import json
from typing import Any

from tests.fakes.cloud import CloudState, FakeCloud, sdk

NODE = "i-bp1vcw8abao0i6uxb1xi"
NEW = "i-bp1new"
DISK = "d-bp1meuryy17fee8kib4h"
GROUP = "sg-bp1ce61t4k3fi55hnta7"
INGRESS = "lb-bp1qivht16qrbpfnz1a1c"
INGRESS_80 = "rsp-bp1m5etnm87zi"
VSWITCH = "vsw-bp1bydj2pojgqhd42r8n3"
WORKER = "KubernetesWorkerRole-928be9ac-0083-5963-ae34-75d6602d333b"


def ask(cloud: FakeCloud, product: str, action: str, **params: Any) -> Any:
    with cloud.in_process():
        return sdk.send(sdk.client(), sdk.rpc(product, action, **params))


def ask_cs(cloud: FakeCloud, path: str) -> Any:
    with cloud.in_process():
        return sdk.send(sdk.client(), sdk.roa(path))


def test_two_clouds_share_nothing() -> None:
    one, other = FakeCloud.recorded(), FakeCloud.recorded()
    one.state.ecs.disks[DISK]["ZoneId"] = "cn-hangzhou-z"
    assert ask(other, "ecs", "DescribeDisks", ZoneId="cn-hangzhou-z")["Disks"]["Disk"] == []
    assert len(ask(one, "ecs", "DescribeDisks", ZoneId="cn-hangzhou-z")["Disks"]["Disk"]) == 1


def test_an_empty_account() -> None:
    cloud = FakeCloud(CloudState())
    assert ask(cloud, "slb", "DescribeLoadBalancers")["TotalCount"] == 0
    assert ask(cloud, "ecs", "DescribeInstances")["Instances"]["Instance"] == []


def test_backends_of_a_server_group() -> None:
    cloud = FakeCloud.recorded()
    cloud.state.slb.set_backends(INGRESS_80, [{"ServerId": NODE, "Weight": 0}, {"ServerId": "i-other", "Port": 81}])
    cloud.state.slb.backends(INGRESS_80)[1]["Weight"] = 7
    members = ask(cloud, "slb", "DescribeVServerGroupAttribute", VServerGroupId=INGRESS_80)["BackendServers"]
    assert [(entry["ServerId"], entry["Weight"]) for entry in members["BackendServer"]] == [(NODE, 0), ("i-other", 7)]
    listed = ask(cloud, "slb", "DescribeVServerGroups", LoadBalancerId=INGRESS)["VServerGroups"]["VServerGroup"]
    assert [group["ServerCount"] for group in listed] == [2, 8]
    assert ask(cloud, "slb", "DescribeLoadBalancers", ServerId="i-other")["TotalCount"] == 1


def test_a_load_balancer_with_listeners_groups_and_a_list() -> None:
    cloud = FakeCloud.recorded()
    slb = cloud.state.slb
    slb.add_load_balancer("lb-new", Address="10.0.0.9")
    slb.add_vserver_group("rsp-new", "lb-new", "k8s/80/web/shop/c1", [{"ServerId": NODE}])
    slb.add_master_slave_group("rsp-ms", "lb-new", "pair", [{"ServerId": NODE}, {"ServerId": "i-other"}])
    slb.add_acl("acl-new", "office", ["10.0.0.0/8"])
    slb.add_listener("lb-new", 80, "tcp", "rsp-new", AclStatus="on", AclType="white", AclIds=["acl-new"])
    slb.add_listener("lb-new", 80, "udp", "rsp-new", config={"HealthCheck": "off"})
    slb.default_servers["lb-new"] = [{"ServerId": "i-default", "ServerIp": "", "Type": "ecs", "Weight": 100}]
    slb.health[("rsp-new", NODE)] = "abnormal"

    attribute = ask(cloud, "slb", "DescribeLoadBalancerAttribute", LoadBalancerId="lb-new")
    assert attribute["ListenerPorts"] == {"ListenerPort": [80, 80]}
    assert [entry["ServerId"] for entry in attribute["BackendServers"]["BackendServer"]] == ["i-default"]
    tcp = ask(cloud, "slb", "DescribeLoadBalancerTCPListenerAttribute", LoadBalancerId="lb-new", ListenerPort=80)
    assert tcp["AclIds"] == {"AclId": ["acl-new"]}
    acl = ask(cloud, "slb", "DescribeAccessControlListAttribute", AclId="acl-new")
    related = acl["RelatedListeners"]["RelatedListener"]
    assert related == [{"AclType": "white", "ListenerPort": 80, "LoadBalancerId": "lb-new", "Protocol": "tcp"}]
    health = ask(cloud, "slb", "DescribeHealthStatus", LoadBalancerId="lb-new")["BackendServers"]["BackendServer"]
    assert [(entry["Protocol"], entry["ServerHealthStatus"]) for entry in health] == [
        ("tcp", "abnormal"),
        ("udp", "unavailable"),
    ]
    pairs = ask(cloud, "slb", "DescribeMasterSlaveServerGroups", LoadBalancerId="lb-new")["MasterSlaveServerGroups"]
    assert [group["MasterSlaveServerGroupId"] for group in pairs["MasterSlaveServerGroup"]] == ["rsp-ms"]
    params = {"MasterSlaveServerGroupId": "rsp-ms"}
    members = ask(cloud, "slb", "DescribeMasterSlaveServerGroupAttribute", **params)["MasterSlaveBackendServers"]
    assert [entry["ServerType"] for entry in members["MasterSlaveBackendServer"]] == ["Master", "Slave"]


def test_a_network_load_balancer() -> None:
    cloud = FakeCloud.recorded()
    nlb = cloud.state.nlb
    nlb.add_load_balancer("nlb-1", VpcId="vpc-1", Tags=[{"Key": "ack.aliyun.com", "Value": "c1"}])
    nlb.add_server_group("sgp-1", ["nlb-1"], [{"ServerId": NODE, "Port": 30080}], VpcId="vpc-1")
    nlb.add_listener("nlb-1", 80, "TCP", "sgp-1")
    tagged = {"Tag__1__Key": "ack.aliyun.com", "Tag__1__Value": "c1"}
    assert ask(cloud, "nlb", "ListLoadBalancers", VpcIds__1="vpc-1", **tagged)["TotalCount"] == 1
    assert ask(cloud, "nlb", "ListLoadBalancers", VpcIds__1="vpc-2")["TotalCount"] == 0
    attribute = ask(cloud, "nlb", "GetLoadBalancerAttribute", LoadBalancerId="nlb-1")
    assert attribute["Tags"] == [{"TagKey": "ack.aliyun.com", "TagValue": "c1"}]
    groups = ask(cloud, "nlb", "ListServerGroups", VpcId="vpc-1")["ServerGroups"]
    assert [(group["ServerGroupId"], group["ServerCount"]) for group in groups] == [("sgp-1", 1)]
    servers = ask(cloud, "nlb", "ListServerGroupServers", ServerGroupId="sgp-1")["Servers"]
    assert [(server["ServerId"], server["Port"], server["ServerType"]) for server in servers] == [(NODE, 30080, "Ecs")]
    assert ask(cloud, "nlb", "ListListeners", LoadBalancerIds__1="nlb-1")["Listeners"][0]["ServerGroupId"] == "sgp-1"


def test_rules_of_security_groups() -> None:
    cloud = FakeCloud.recorded()
    ecs = cloud.state.ecs
    ecs.remove_rules(GROUP, "ingress")
    ecs.add_rule(GROUP, "ingress", IpProtocol="TCP", PortRange="22/22", SourceGroupId="sg-new", Priority="100")
    ecs.add_security_group("sg-new", SecurityGroupType="enterprise", VpcId="vpc-1")
    params = {"SecurityGroupId": GROUP, "Direction": "ingress"}
    rules = ask(cloud, "ecs", "DescribeSecurityGroupAttribute", **params)["Permissions"]["Permission"]
    assert [(rule["PortRange"], rule["SourceGroupId"], rule["SourceCidrIp"]) for rule in rules] == [
        ("22/22", "sg-new", "")
    ]
    listed = ask(cloud, "ecs", "DescribeSecurityGroups")["SecurityGroups"]["SecurityGroup"]
    assert [(group["SecurityGroupId"], group["RuleCount"]) for group in listed] == [(GROUP, 2), ("sg-new", 0)]
    named = ask(cloud, "ecs", "DescribeSecurityGroupReferences", SecurityGroupId__1="sg-new")
    reference = named["SecurityGroupReferences"]["SecurityGroupReference"][0]["ReferencingSecurityGroups"]
    assert [group["SecurityGroupId"] for group in reference["ReferencingSecurityGroup"]] == [GROUP]


def test_lists_that_rules_name() -> None:
    cloud = FakeCloud.recorded()
    cloud.state.ecs.prefix_lists["pl-new"] = {"PrefixListId": "pl-new", "Entries": {"Entry": [{"Cidr": "10.0.0.0/8"}]}}
    cloud.state.ecs.port_range_lists["prl-new"] = {"Entries": [{"PortRange": "80/81", "Description": ""}]}
    prefixes = ask(cloud, "ecs", "DescribePrefixListAttributes", PrefixListId="pl-new")
    ports = ask(cloud, "ecs", "DescribePortRangeListEntries", PortRangeListId="prl-new")
    assert prefixes["Entries"]["Entry"] == [{"Cidr": "10.0.0.0/8"}]
    assert ports["Entries"] == [{"PortRange": "80/81", "Description": ""}]
    with sdk.refusal() as said:
        ask(cloud, "ecs", "DescribePortRangeListEntries", PortRangeListId="prl-absent")
    assert (said["code"], said["status"]) == ("InvalidPortRangeListId.NotFound", 404)


def test_a_node_comes_and_goes_everywhere() -> None:
    cloud = FakeCloud.recorded()
    cluster = cloud.state.cs.cluster_id
    cloud.state.add_node(NEW, like=NODE, private_ip="192.168.0.99", InstanceType="ecs.g7.2xlarge")
    wanted = json.dumps([NEW])
    instance = ask(cloud, "ecs", "DescribeInstances", InstanceIds=wanted)["Instances"]["Instance"][0]
    assert instance["InstanceType"] == "ecs.g7.2xlarge"
    assert instance["VpcAttributes"]["PrivateIpAddress"]["IpAddress"] == ["192.168.0.99"]
    interfaces = ask(cloud, "ecs", "DescribeNetworkInterfaces", InstanceId=NEW)["NetworkInterfaceSets"]
    assert [entry["PrivateIpAddress"] for entry in interfaces["NetworkInterfaceSet"]] == ["192.168.0.99"]
    roles = ask(cloud, "ecs", "DescribeInstanceRamRole", InstanceIds=wanted)["InstanceRamRoleSets"]
    assert [entry["RamRoleName"] for entry in roles["InstanceRamRoleSet"]] == [WORKER]
    nodes = ask_cs(cloud, f"/clusters/{cluster}/nodes")
    assert nodes["page"]["total_count"] == 9
    assert ask_cs(cloud, f"/clusters/{cluster}")["size"] == 9
    # The copied node is as it was.
    original = ask(cloud, "ecs", "DescribeInstances", InstanceIds=json.dumps([NODE]))["Instances"]["Instance"][0]
    assert original["VpcAttributes"]["PrivateIpAddress"]["IpAddress"] == ["192.168.0.11"]

    cloud.state.remove_node(NODE)
    assert ask(cloud, "ecs", "DescribeInstances", InstanceIds=json.dumps([NODE]))["Instances"]["Instance"] == []
    assert ask(cloud, "ecs", "DescribeDisks", InstanceId=NODE, MaxResults=500)["Disks"]["Disk"] == []
    assert ask(cloud, "ess", "DescribeScalingInstances", PageSize=100)["TotalCount"] == 7
    assert ask_cs(cloud, f"/clusters/{cluster}/nodes")["page"]["total_count"] == 8


def test_a_disk() -> None:
    cloud = FakeCloud.recorded()
    cloud.state.ecs.add_disk("d-new", like=DISK, Size=7)
    found = ask(cloud, "ecs", "DescribeDisks", DiskIds=json.dumps(["d-new"]))["Disks"]["Disk"]
    assert [(disk["DiskId"], disk["Size"]) for disk in found] == [("d-new", 7)]


def test_permission_groups() -> None:
    cloud = FakeCloud.recorded()
    nas = cloud.state.nas
    nas.add_access_group("readers")
    nas.add_rule("readers", "10.0.0.0/8", RWAccess="RDONLY")
    nas.mount_targets("0c2292a859")[0] |= {"AccessGroupName": "readers", "Status": "Inactive"}
    rules = ask(cloud, "nas", "DescribeAccessRules", AccessGroupName="readers")["AccessRules"]["AccessRule"]
    assert [(rule["SourceCidrIp"], rule["RWAccess"], rule["Priority"]) for rule in rules] == [
        ("10.0.0.0/8", "RDONLY", 1)
    ]
    group = ask(cloud, "nas", "DescribeAccessGroups", AccessGroupName="readers")["AccessGroups"]["AccessGroup"][0]
    assert (group["RuleCount"], group["MountTargetCount"]) == (1, 1)
    target = ask(cloud, "nas", "DescribeMountTargets", FileSystemId="0c2292a859")["MountTargets"]["MountTarget"][0]
    assert (target["AccessGroup"], target["Status"]) == ("readers", "Inactive")


def test_roles_and_policies() -> None:
    cloud = FakeCloud.recorded()
    ram = cloud.state.ram
    key = ram.add_policy("tight", "Custom", {"Version": "1", "Statement": []})
    ram.add_role("helper")
    ram.attach("helper", key)
    ram.detach(WORKER, "Custom/k8sWorkerRolePolicy-928be9ac-0083-5963-ae34-75d6602d333b")
    ram.set_document(key, {**ram.document(key), "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]})
    attached = ask(cloud, "ram", "ListPoliciesForRole", RoleName="helper")["Policies"]["Policy"]
    assert [(policy["PolicyType"], policy["PolicyName"]) for policy in attached] == [("Custom", "tight")]
    assert ask(cloud, "ram", "ListPoliciesForRole", RoleName=WORKER)["Policies"]["Policy"] == []
    policy = ask(cloud, "ram", "GetPolicy", PolicyType="Custom", PolicyName="tight")
    assert json.loads(policy["DefaultPolicyVersion"]["PolicyDocument"])["Statement"][0]["Effect"] == "Deny"
    assert policy["Policy"]["PolicyDocument"] == policy["DefaultPolicyVersion"]["PolicyDocument"]
    ram.set_document(key, "not JSON")
    params = {"PolicyType": "Custom", "PolicyName": "tight", "VersionId": "v1"}
    assert ask(cloud, "ram", "GetPolicyVersion", **params)["PolicyVersion"]["PolicyDocument"] == "not JSON"
    with sdk.refusal() as said:
        ask(cloud, "ram", "GetPolicyVersion", **{**params, "VersionId": "v9"})
    assert said["code"] == "EntityNotExist.Policy.Version"
    assert ask(cloud, "ram", "GetRole", RoleName="helper")["Role"]["Arn"].endswith(":role/helper")


def test_network_acls() -> None:
    cloud = FakeCloud.recorded()
    cloud.state.vpc.add_network_acl(
        "nacl-1",
        [VSWITCH],
        ingress=[{"Policy": "drop", "Protocol": "tcp", "Port": "10250/10250"}],
        egress=[{"Policy": "accept"}],
    )
    vswitch = ask(cloud, "vpc", "DescribeVSwitches", VSwitchId=VSWITCH)["VSwitches"]["VSwitch"][0]
    assert vswitch["NetworkAclId"] == "nacl-1"
    acl = ask(cloud, "vpc", "DescribeNetworkAclAttributes", NetworkAclId="nacl-1")["NetworkAclAttribute"]
    entry = acl["IngressAclEntries"]["IngressAclEntry"][0]
    assert (entry["Policy"], entry["Port"], entry["SourceCidrIp"]) == ("drop", "10250/10250", "0.0.0.0/0")
    assert acl["EgressAclEntries"]["EgressAclEntry"][0]["Protocol"] == "all"
    # A count that is a string, unlike those of all its neighbours.
    assert ask(cloud, "vpc", "DescribeNetworkAcls")["TotalCount"] == "1"


def test_versions_of_add_ons_are_told_in_three_places() -> None:
    cloud = FakeCloud.recorded()
    cluster = cloud.state.cs.cluster_id
    cloud.state.cs.set_addon_version("cloud-controller-manager", "v1.9.3.276-g372aa98-aliyun")
    name, version = "cloud-controller-manager", "v1.9.3.276-g372aa98-aliyun"
    listed = ask_cs(cloud, f"/clusters/{cluster}/addon_instances")["addons"]
    assert [addon["version"] for addon in listed if addon["name"] == name] == [version]
    assert ask_cs(cloud, f"/clusters/{cluster}/addon_instances/{name}")["version"] == version
    assert ask_cs(cloud, f"/clusters/{cluster}/components/version")[name]["version"] == version
    meta = json.loads(ask_cs(cloud, f"/clusters/{cluster}")["meta_data"])
    assert meta[f"{name}Version"] == version
    assert [addon["version"] for addon in meta["Addons"] if addon["name"] == name] == [version]


def test_a_kubeconfig_is_handed_out() -> None:
    cloud = FakeCloud.recorded()
    cluster = cloud.state.cs.cluster_id
    cloud.state.cs.kubeconfigs[cluster] = "apiVersion: v1"
    assert ask_cs(cloud, f"/k8s/{cluster}/user_config")["config"] == "apiVersion: v1"


def test_scaling_activities_come_newest_first() -> None:
    cloud = FakeCloud.recorded()
    group = next(iter(cloud.state.ess.scaling_groups))
    cloud.state.ess.add_activity(group, "asa-new", StatusCode="Failed", ErrorCode="OperationDenied.NoStock")
    found = ask(cloud, "ess", "DescribeScalingActivities", ScalingGroupId=group)["ScalingActivities"]
    assert [entry["StatusCode"] for entry in found["ScalingActivity"]] == ["Failed", "Successful"]


def test_quotas() -> None:
    cloud = FakeCloud.recorded()
    cloud.state.quotas.add_quota("nlb", "nlb_quota_server_added_num", 200.0)
    region = {"Dimensions__1__Key": "regionId", "Dimensions__1__Value": "cn-hangzhou"}
    listed = ask(cloud, "quotas", "ListProductQuotas", ProductCode="nlb", **region)["Quotas"]
    assert [quota["TotalQuota"] for quota in listed] == [200.0]
    named = {"ProductCode": "nlb", "QuotaActionCode": "nlb_quota_server_added_num"}
    assert ask(cloud, "quotas", "GetProductQuota", **named, **region)["Quota"]["TotalQuota"] == 200.0
    for wrong in (named, {**named, "QuotaActionCode": "none", **region}):
        with sdk.refusal():
            ask(cloud, "quotas", "GetProductQuota", **wrong)
    with sdk.refusal():
        ask(cloud, "quotas", "ListProductQuotas", ProductCode="no-product")
    assert ask(cloud, "quotas", "ListProductQuotas", ProductCode="ram")["Quotas"] == []
