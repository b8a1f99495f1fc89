"""Which ALBs are asked about beyond the list."""

from typing import Any

import pytest

from auditor.collect.alibaba.alb_scope import alb_ids, may_use_alb, named_albs
from auditor.facts.cloud.alb import ApplicationLoadBalancer
from auditor.facts.table import Gap, Table
from tests.checks.kit import denied
from tests.collect.alibaba.albs import alb_config, alb_configs, ingress, ingresses

OWN = "c-own"
HOST = "alb-2.cn-hangzhou.alb.aliyuncs.com"
GAP = Gap(denied("list albconfigs.alibabacloud.com"))


def balancers(*rows: ApplicationLoadBalancer, gaps: tuple[Gap, ...] = ()) -> Table[ApplicationLoadBalancer]:
    return Table("application_load_balancers", rows, gaps=gaps, asked={row.id for row in rows})


NAMED = ApplicationLoadBalancer("alb-1", dns_name="alb-1.cn-hangzhou.alb.aliyuncs.com")
PUBLISHED = ApplicationLoadBalancer("alb-2", dns_name="ALB-2.cn-hangzhou.alb.aliyuncs.com")
TAGGED = ApplicationLoadBalancer("alb-3", dns_name="alb-3.example", tags={"ack.aliyun.com": OWN})
OTHERS = ApplicationLoadBalancer("alb-4", dns_name="alb-4.example", tags={"ack.aliyun.com": "c-other"})
ALL = balancers(NAMED, PUBLISHED, TAGGED, OTHERS)


def test_a_cluster_without_alb_has_none() -> None:
    on_nginx = ingresses(ingress(), ingress("api", "nlb-1.cn-hangzhou.nlb.aliyuncsslb.com"))
    assert not may_use_alb(alb_configs(), on_nginx)
    assert alb_ids(ALL, alb_configs(), on_nginx, OWN) == [], "not even a tagged one, that nothing uses any more"


@pytest.mark.parametrize("host", [HOST, "alb-2.cn-beijing.alb.aliyuncsslb.com"])
def test_an_ingress_on_alb_is_told_by_its_host(host: str) -> None:
    assert may_use_alb(alb_configs(), ingresses(ingress(host=host)))


def test_an_ingress_of_the_class_of_alb_waits_for_one() -> None:
    assert may_use_alb(alb_configs(), ingresses(ingress(class_name="alb")))


def test_those_that_the_cluster_names_publishes_or_tagged_are_its_own() -> None:
    assert alb_ids(ALL, alb_configs(alb_config(made="alb-1")), ingresses(ingress(host=HOST)), OWN) == [
        "alb-1",
        "alb-2",
        "alb-3",
    ]


def test_a_config_names_what_was_made_and_what_is_to_be_used() -> None:
    configs = (alb_config("a", made="alb-1"), alb_config("b", made="", used="alb-2"), alb_config("c", made=""))
    assert named_albs(alb_configs(*configs)) == {"alb-1", "alb-2"}


def test_one_that_does_not_exist_is_not_asked_about() -> None:
    listed = Table("application_load_balancers", [NAMED], asked={"alb-1", "alb-9"})
    assert alb_ids(listed, alb_configs(alb_config(made="alb-9")), ingresses(), OWN) == []


def test_one_that_may_be_in_a_gap_is_asked_about() -> None:
    listed = balancers(NAMED, gaps=(Gap(denied("alb:ListLoadBalancers")),))
    assert alb_ids(listed, alb_configs(alb_config(made="alb-9")), ingresses(), OWN) == ["alb-9"]


def test_what_is_not_known_may_name_one() -> None:
    unknown: Table[Any] = Table("alb_configs", unavailable=True, gaps=[GAP])
    for configs, given in ((unknown, ingresses()), (alb_configs(gaps=[GAP]), ingresses())):
        assert may_use_alb(configs, given)
        assert alb_ids(ALL, configs, given, OWN) == ["alb-3"]
    unknown_ingresses: Table[Any] = Table("ingresses", unavailable=True, gaps=[GAP])
    assert may_use_alb(alb_configs(), unknown_ingresses)
    assert alb_ids(ALL, alb_configs(alb_config(made="alb-1")), unknown_ingresses, OWN) == ["alb-1", "alb-3"]
