"""Which address ingress-nginx sees of a client that comes in through a Service."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from auditor.facts.joins.ingress_controllers import IngressControllers
from auditor.facts.joins.networks import ClusterNetworks
from auditor.facts.joins.services import ServiceLoadBalancers, ServicePaths
from auditor.facts.kubernetes.coordination import ConfigMap
from auditor.facts.kubernetes.services import Service
from auditor.facts.landscape import ClusterIdentity
from auditor.facts.rules.ingress_nginx import NginxController, is_true
from auditor.judge.api import NotKnown, Reason, ReasonKind, Table, Text, t

BACKEND_TYPE = "service.beta.kubernetes.io/backend-type"
_REAL_ADDRESS = ("use-proxy-protocol", "enable-real-ip", "use-forwarded-headers")
"""Keys of the ConfigMap by which nginx takes the client's address from what the load balancer tells it."""


class Seen(StrEnum):
    """Whose address stands for the client's."""

    CLIENT = "client"
    NODE = "node"
    BALANCER = "load balancer"


@dataclass(frozen=True)
class Entrance:
    """A Service that clients come in through, and whose address nginx sees of them."""

    service: Service
    seen: Seen
    why: Text


@dataclass(frozen=True)
class ClientView:
    """What is needed to tell whose address a controller sees."""

    controllers: IngressControllers
    config_maps: Table[ConfigMap]
    balancers: ServiceLoadBalancers
    paths: ServicePaths
    networks: ClusterNetworks
    cluster: ClusterIdentity

    def settings(self, controller: NginxController) -> Mapping[str, str]:
        """Return the settings of a controller; none if its ConfigMap does not exist. Raises NotKnown."""
        key = controller.config_map
        row = self.config_maps.get(key) if key else None
        return (row.data or {}) if row else {}

    def entrances(self, controller: NginxController) -> list[Entrance]:
        """Return the Services of type LoadBalancer that lead to a controller. Raises NotKnown."""
        found = [service for service in self.controllers.services_of(controller) if service.is_load_balancer]
        settings = self.settings(controller) if found else {}
        return [self._entrance(service, settings) for service in found]

    def _entrance(self, service: Service, settings: Mapping[str, str]) -> Entrance:
        known = next((key for key in _REAL_ADDRESS if is_true(settings.get(key))), None)
        if known:
            return Entrance(service, Seen.CLIENT, t("{key} is true", key=known))
        if "http" in (service.setting("protocol-port") or ""):
            return Entrance(service, Seen.BALANCER, t("its listeners speak HTTP by themselves"))
        if service.is_local:
            return Entrance(service, Seen.CLIENT, t("externalTrafficPolicy is Local"))
        if self._leads_to_pods(service):
            return Entrance(service, Seen.CLIENT, t("the load balancer leads to the Pods themselves"))
        return Entrance(service, Seen.NODE, t("externalTrafficPolicy is Cluster"))

    def _leads_to_pods(self, service: Service) -> bool:
        """Tell whether the backends of the load balancer are the Pods' own interfaces. Raises NotKnown."""
        told = service.annotations.get(BACKEND_TYPE)
        if told:
            return told.lower() == "eni"
        if not self.networks.is_terway():
            return False
        balancer = self.balancers.of(service)
        if balancer is None:
            return False
        types = {
            backend.type
            for path in self.paths.of(service, balancer, self.cluster.cluster_id)
            for backend in path.backends or ()
        }
        if not types:
            message = t("the load balancer of Service {service} has no backends to tell by", service=service.key)
            raise NotKnown(Reason("slb", ReasonKind.UNDECIDABLE, message))
        return types <= {"eni", "eci"}
