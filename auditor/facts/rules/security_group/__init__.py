"""Security groups: what the groups of one network interface do to traffic.

Source: the ECS documentation on security-group rules, and on basic and advanced groups.
Groups are stateful, so only the direction of a connection's first packet counts. The rules of all groups of the
interface are merged and ordered by priority, 1 first, Drop before Accept; the first match decides. Where none
matches, a basic group lets everything out and refuses what comes in; an advanced one refuses both. While a basic
group's ``InnerAccessPolicy`` is Accept, traffic between its members passes whatever the rules say.
"""

from auditor.facts.rules.security_group.filter import SecurityGroupFilter
from auditor.facts.rules.security_group.rules import rule_name
from auditor.facts.rules.security_group.traffic import INNER_ACCESS, PORTLESS, Direction, Peer, Traffic

__all__ = ["INNER_ACCESS", "PORTLESS", "Direction", "Peer", "SecurityGroupFilter", "Traffic", "rule_name"]
