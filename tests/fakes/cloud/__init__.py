"""A fake cloud account that the real SDKs talk to, over HTTP or within the process.

    cloud = FakeCloud.recorded()                         # a healthy account
    cloud.state.ecs.disks["d-…"]["ZoneId"] = "cn-…"      # edit what it holds
    cloud.deny("ecs:DescribeDisks")                      # plant a fault between caller and answer
    with cloud.serve() as base_url:                      # one base URL for all products
        …
    with cloud.in_process():                             # or: answer every *.aliyuncs.com, without a socket
        …
    assert cloud.refused == []                           # nothing was called that would change something

Calls are checked as the gateways check them: signature, key, clock, token. The key is ``ACCESS_KEY_ID`` with
``ACCESS_KEY_SECRET``; ``check_signatures=False`` lets any key in.

State. ``cloud.state.<product>`` holds dictionaries by id, in the form that goes over the wire; what one operation
derives from another (server counts, related listeners, attributes) is derived here too, so an edit in one place
shows in all. Helpers for what is awkward by hand:

- ``slb``: ``set_backends``, ``backends``, ``add_load_balancer``, ``add_listener``, ``add_vserver_group``,
  ``add_master_slave_group``, ``add_acl``
- ``nlb``: ``add_load_balancer``, ``add_address``, ``add_listener``, ``add_server_group``, ``set_servers``
- ``ecs``: ``add_instance``, ``remove_instance``, ``add_disk``, ``add_security_group``, ``rules``, ``add_rule``,
  ``remove_rules``, ``add_instance_type``, ``sell_out``, ``add_system_event``
- ``alb``: ``add_load_balancer``, ``add_listener``, ``add_rule``, ``add_acl``, ``add_server_group``, ``set_servers``,
  ``set_unhealthy``
- ``nas``: ``mount_targets``, ``add_file_system``, ``add_directory_quota``, ``add_access_group``, ``add_rule``
- ``vpc``: ``add_network_acl``, ``add_vpc``, ``add_route``, ``peer``, ``add_eip``
- ``ram``: ``document``, ``set_document``, ``add_policy``, ``add_role``, ``attach``, ``detach``
- ``cs``: ``set_addon_version``, ``add_node``, ``remove_node``, ``add_event``, ``add_task``, ``set_quota``, ``grant``
- ``ess``: ``add_activity``, ``set_diagnosis``, ``set_strength`` · ``quotas``: ``add_quota`` · ``cms``: ``set_metric``
- of several products at once: ``cloud.state.add_node``, ``cloud.state.remove_node``

Faults. ``deny``, ``throttle``, ``fail``, ``fail_with``, ``delay``, ``cut`` and ``mutate`` take an action
``product:Action``, or the RAM action where it is called otherwise, with wildcards (``ecs:*``), and ``when``, a
predicate on the parameters; those of a path (``ClusterId``) are among them. ``times`` ends a fault after so many
calls. The first that answers wins; ``heal`` removes all.
"""

from tests.fakes.cloud.cloud import FakeCloud
from tests.fakes.cloud.state import CloudState
from tests.fakes.cloud.sts import ACCESS_KEY_ID, ACCESS_KEY_SECRET
from tests.fakes.cloud.wire import ApiError, Call

__all__ = ["ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "ApiError", "Call", "CloudState", "FakeCloud"]
