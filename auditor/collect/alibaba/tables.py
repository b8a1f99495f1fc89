"""Imports every module that fills a table of the cloud side, so that its providers are registered."""

from auditor.collect.alibaba import cs, ecs, ess, nas, nlb, quotas, ram, security_groups, slb, vpc

MODULES = (cs, ecs, ess, nas, nlb, quotas, ram, security_groups, slb, vpc)
