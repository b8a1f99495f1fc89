"""NAS: the file systems that a cluster names in its several ways, the rules of their groups, and directory quotas."""

from typing import Any

import msgspec
import pytest

from auditor.facts.cloud.nas import DirectoryQuota, DirectoryQuotas
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.volumes import StorageClass
from auditor.facts.table import Gap, NotKnown, ReasonKind, State, Table
from tests.checks import make
from tests.checks.kit import denied
from tests.collect.alibaba.kit import client_of, fill, fill_one
from tests.fakes.cloud import FakeCloud

MEDIA = "0c2292a859"
MEDIA_SERVER = "0c2292a859-1ymv7.cn-hangzhou.nas.aliyuncs.com"
ARCHIVE = "e5bc4e67df"
ARCHIVE_SERVER = "e5bc4e67df-9h4f0.cn-hangzhou.nas.aliyuncs.com"
CSI = "nasplugin.csi.alibabacloud.com"
FLEX = "alicloud/nas"


def storage_class(name: str = "nas", provisioner: str = CSI, **parameters: str) -> StorageClass:
    data = {"metadata": {"name": name}, "provisioner": provisioner, "parameters": parameters}
    return msgspec.convert(data, StorageClass)


def pod(*volumes: dict[str, Any], fs_group: int | None = None, **more: Any) -> Pod:
    context = {} if fs_group is None else {"securityContext": {"fsGroup": fs_group}}
    named = [{"name": f"v{n}", **volume} for n, volume in enumerate(volumes)]
    return make.pod("shop/web", **more, spec={"volumes": named, **context})


def claiming(claim: str, **more: Any) -> Pod:
    return pod({"persistentVolumeClaim": {"claimName": claim}}, **more)


def cluster(*rows: Any) -> dict[str, Table[Any]]:
    """Make the tables that name file systems, of these rows and no others."""
    kinds = {"persistent_volumes": "PersistentVolume", "storage_classes": "StorageClass", "pods": "Pod"}
    return {name: Table(name, [row for row in rows if type(row).__name__ == kind]) for name, kind in kinds.items()}


def with_group(cloud: FakeCloud, system_id: str, group: str) -> None:
    """Give a file system a permission group of its own."""
    cloud.state.nas.add_access_group(group)
    cloud.state.nas.mount_targets(system_id)[0]["AccessGroupName"] = group


@pytest.mark.parametrize(
    "row",
    [
        storage_class(server=f"{MEDIA_SERVER}:/share"),
        storage_class(server=f"{MEDIA_SERVER}:/a, {MEDIA_SERVER}:/b"),
        storage_class(provisioner=FLEX, server=MEDIA_SERVER),
        storage_class(fileSystemId=MEDIA, volumeAs="subpath"),
        pod({"csi": {"driver": CSI, "volumeAttributes": {"server": MEDIA_SERVER}}}),
        pod({"flexVolume": {"driver": FLEX, "options": {"server": MEDIA_SERVER}}}),
        pod({"nfs": {"server": MEDIA_SERVER.upper(), "path": "/"}}),
        make.nas_volume("pv", MEDIA_SERVER),
    ],
)
def test_each_way_of_naming_a_file_system_leads_to_its_group(cloud: FakeCloud, row: Any) -> None:
    with client_of(cloud) as client:
        tables = fill(client, ["nas_access_rules"], **cluster(row))
    assert tables["file_systems"].get(MEDIA) is not None
    assert tables["nas_access_rules"].asked == frozenset({"standard/shop-prod-nodes"})
    assert cloud.actions() == ["nas:DescribeFileSystems", "nas:DescribeAccessRules"]


@pytest.mark.parametrize(
    "row",
    [
        storage_class(containerNetworkFileSystem="cnfs-nas-filesystem", volumeAs="subpath"),
        storage_class(volumeAs="filesystem", storageType="Performance"),
        storage_class(provisioner="nfs.csi.k8s.io", server=MEDIA_SERVER),
        pod({"nfs": {"server": "nfs.example.com", "path": "/"}}),
        pod({"nfs": {"server": "10.0.0.5", "path": "/"}}),
        pod({"csi": {"driver": "secrets-store.csi.k8s.io", "volumeAttributes": {"server": MEDIA_SERVER}}}),
        pod({"flexVolume": {"driver": "alicloud/oss", "options": {"server": MEDIA_SERVER}}}),
        pod({"nfs": {"server": MEDIA_SERVER, "path": "/"}}, phase="Succeeded"),
        claiming("media", fs_group=1000),
    ],
)
def test_what_names_no_file_system_costs_no_call(cloud: FakeCloud, row: Any) -> None:
    cloud.deny("nas:*")
    with client_of(cloud) as client:
        tables = fill(client, ["nas_access_rules", "nas_directory_quotas"], **cluster(row))
    assert cloud.calls == []
    for name in ("file_systems", "nas_access_rules", "nas_directory_quotas"):
        assert tables[name].state is State.KNOWN


@pytest.mark.parametrize("missing", ["persistent_volumes", "storage_classes", "pods"])
def test_where_one_of_the_namers_is_not_known_the_others_still_name(cloud: FakeCloud, missing: str) -> None:
    rows = {
        "persistent_volumes": make.nas_volume("pv", MEDIA_SERVER),
        "storage_classes": storage_class(server=f"{MEDIA_SERVER}:/"),
        "pods": pod({"nfs": {"server": MEDIA_SERVER, "path": "/"}}),
    }
    gap = Gap(denied(f"list {missing}"))
    for name, row in rows.items():
        given = cluster(*([row] if name != missing else []))
        given[missing] = Table(missing, gaps=[gap], unavailable=True)
        with client_of(cloud) as client:
            tables = fill(client, ["nas_access_rules"], **given)
        assert tables["file_systems"].state is State.KNOWN
        expected = frozenset({"standard/shop-prod-nodes"} if name != missing else ())
        assert tables["nas_access_rules"].asked == expected


def test_each_server_of_a_class_is_used(cloud: FakeCloud) -> None:
    with_group(cloud, ARCHIVE, "archive-nodes")
    servers = f"{MEDIA_SERVER}:/a,{ARCHIVE_SERVER}:/b, {ARCHIVE_SERVER}"
    with client_of(cloud) as client:
        rules = fill_one(client, "nas_access_rules", **cluster(storage_class(server=servers)))
    assert rules.asked == frozenset({"standard/shop-prod-nodes", "standard/archive-nodes"})


def test_a_class_with_a_file_system_may_use_any_of_its_mount_targets(cloud: FakeCloud) -> None:
    cloud.state.nas.add_access_group("second")
    targets = cloud.state.nas.mount_targets(MEDIA)
    targets.append({**targets[0], "MountTargetDomain": "0c2292a859-x.example", "AccessGroupName": "second"})
    with client_of(cloud) as client:
        both = fill_one(client, "nas_access_rules", **cluster(storage_class(fileSystemId=MEDIA)))
        one = fill_one(client, "nas_access_rules", **cluster(storage_class(fileSystemId=MEDIA, server=MEDIA_SERVER)))
    assert both.asked == frozenset({"standard/shop-prod-nodes", "standard/second"})
    assert one.asked == frozenset({"standard/shop-prod-nodes"})


@pytest.mark.parametrize(
    ("system_id", "domain", "type_"),
    [
        ("extreme-00c7a1b2", "00c7a1b2-rivj.cn-hangzhou.extreme.nas.aliyuncs.com", "extreme"),
        ("00c7a1b2", "00c7a1b2-rivj.cn-hangzhou.extreme.nas.aliyuncs.com", "extreme"),
        ("cpfs-0123abcd", "cpfs-0123abcd-xyz.cn-hangzhou.cpfs.aliyuncs.com", "cpfs"),
    ],
)
def test_file_systems_of_other_types(cloud: FakeCloud, system_id: str, domain: str, type_: str) -> None:
    cloud.state.nas.add_file_system(system_id, like=MEDIA, domain=domain, FileSystemType=type_)
    cloud.state.nas.add_access_group("shop-prod-nodes", type_)
    volume = make.nas_volume("pv", domain, "shop/media")
    with client_of(cloud) as client:
        rules = fill_one(client, "nas_access_rules", **cluster(volume))
        cloud.calls.clear()
        given = cluster(volume, claiming("media", fs_group=1000))
        quotas = fill_one(client, "nas_directory_quotas", **given)
    assert rules.asked == frozenset({f"{type_}/shop-prod-nodes"})
    assert quotas.get(system_id) == DirectoryQuotas(system_id)
    assert cloud.actions() == ["nas:DescribeFileSystems"], "they have no quotas to ask for"


def test_how_much_a_file_system_holds(cloud: FakeCloud) -> None:
    with client_of(cloud) as client:
        systems = fill_one(client, "file_systems")
    assert {row.id: row.metered_bytes for row in systems.all()} == {MEDIA: 183512137728, ARCHIVE: 2417851639808}


class TestDirectoryQuotas:
    """What is counted below directories, for Pods whose volumes are given to a group."""

    VOLUME = make.nas_volume("pv", MEDIA_SERVER, "shop/media")

    def quotas(self, cloud: FakeCloud, *rows: Any, **given: Table[Any]) -> Table[DirectoryQuotas]:
        with client_of(cloud) as client:
            return fill_one(client, "nas_directory_quotas", **(cluster(*rows) | given))

    def test_of_the_file_system_of_a_claim(self, cloud: FakeCloud) -> None:
        cloud.state.nas.add_directory_quota(MEDIA, "/share/pv", 5_100_000, 800)
        table = self.quotas(cloud, self.VOLUME, claiming("media", fs_group=1000))
        assert list(table.all()) == [DirectoryQuotas(MEDIA, [DirectoryQuota("/share/pv", 5_100_000, 800)])]
        assert cloud.actions() == ["nas:DescribeFileSystems", "nas:DescribeDirQuotas"]
        assert cloud.calls[-1].params["PageSize"] == "100"

    def test_of_the_file_system_of_an_inline_volume(self, cloud: FakeCloud) -> None:
        inline = pod({"csi": {"driver": CSI, "volumeAttributes": {"server": ARCHIVE_SERVER}}}, fs_group=0)
        assert list(self.quotas(cloud, inline).all()) == [DirectoryQuotas(ARCHIVE)]

    @pytest.mark.parametrize(
        "user",
        [
            claiming("media"),
            claiming("other", fs_group=1000),
            claiming("media", fs_group=1000, phase="Succeeded"),
        ],
    )
    def test_not_without_a_group_that_owns_the_volume(self, cloud: FakeCloud, user: Pod) -> None:
        table = self.quotas(cloud, self.VOLUME, user)
        assert table.state is State.KNOWN
        assert "nas:DescribeDirQuotas" not in cloud.actions()
        with pytest.raises(NotKnown):
            table.get(MEDIA)

    def test_one_user_or_an_unfinished_count_does_not_tell_what_is_there(self, cloud: FakeCloud) -> None:
        nas = cloud.state.nas
        of_user = nas.add_directory_quota(MEDIA, "/of-user", 10, 1)
        of_user["UserQuotaInfos"][0] |= {"UserType": "Uid", "UserId": "500"}
        nas.add_directory_quota(MEDIA, "/counting", 10, 1, Status="Initializing")
        table = self.quotas(cloud, self.VOLUME, claiming("media", fs_group=1000))
        assert table.get(MEDIA) == DirectoryQuotas(MEDIA, [DirectoryQuota("/of-user"), DirectoryQuota("/counting")])

    def test_a_file_system_that_does_not_exist_is_not_asked_for(self, cloud: FakeCloud) -> None:
        gone = make.nas_volume("pv", "deadbeef-x.cn-hangzhou.nas.aliyuncs.com", "shop/media")
        assert len(self.quotas(cloud, gone, claiming("media", fs_group=1000))) == 0
        assert cloud.actions() == ["nas:DescribeFileSystems"]

    def test_one_in_a_gap_of_the_list_is_asked_for(self, cloud: FakeCloud) -> None:
        gap = Gap(denied("nas:DescribeFileSystems"), frozenset({MEDIA}))
        systems: Table[Any] = Table("file_systems", gaps=[gap])
        table = self.quotas(cloud, self.VOLUME, claiming("media", fs_group=1000), file_systems=systems)
        assert table.get(MEDIA) == DirectoryQuotas(MEDIA)

    def test_all_pages(self) -> None:
        cloud = FakeCloud.recorded(page_limit=2)
        for n in range(5):
            cloud.state.nas.add_directory_quota(MEDIA, f"/share/{n}", n, n)
        row = self.quotas(cloud, self.VOLUME, claiming("media", fs_group=1000)).get(MEDIA)
        assert row is not None
        assert [quota.path for quota in row.quotas] == [f"/share/{n}" for n in range(5)]

    @pytest.mark.parametrize(
        ("change", "kind"),
        [
            (lambda body: body.update(DirQuotaInfos=None), ReasonKind.MALFORMED),
            (lambda body: body["DirQuotaInfos"][0].pop("UserQuotaInfos"), ReasonKind.MALFORMED),
            (lambda body: body["DirQuotaInfos"][0].pop("Path"), ReasonKind.MALFORMED),
            (lambda body: body.update(TotalCount=3), ReasonKind.TRUNCATED),
        ],
    )
    def test_an_answer_that_does_not_say_all(self, cloud: FakeCloud, change: Any, kind: ReasonKind) -> None:
        cloud.state.nas.add_directory_quota(MEDIA, "/share/pv", 1, 1)

        def spoil(body: Any) -> None:
            change(body)

        cloud.mutate("nas:DescribeDirQuotas", spoil)
        table = self.quotas(cloud, self.VOLUME, claiming("media", fs_group=1000))
        assert table.state is State.UNAVAILABLE
        assert {reason.kind for reason in table.reasons} == {kind}
