"""What ECS has on sale: instance types and disk categories by zone, zones, and the limits of the account."""

from tests.fakes.cloud.ecs import EcsState
from tests.fakes.cloud.filters import among
from tests.fakes.cloud.wire import Json, Parameters, invalid

PAYMENTS = ("PostPaid", "PrePaid")
SPOT = ("SpotWithPriceLimit", "SpotAsPriceGo")
IN_STOCK = {"Status": "Available", "StatusCategory": "WithStock"}
NO_STOCK = {"Status": "SoldOut", "StatusCategory": "WithoutStock"}


def describe_available_resource(ecs: EcsState, params: Parameters) -> Json:
    """Return where an instance type, or which disks for it, can be had; without a zone, for all zones."""
    params.required("RegionId")
    destination = params.required("DestinationResource")
    payment = _payment(params)
    if destination == "DataDisk":
        zones = ecs.data_disks.get(params.required("InstanceType"), [])
        return {"AvailableZones": {"AvailableZone": among(zones, _one(params, "ZoneId"), "ZoneId")}}
    if destination != "InstanceType":
        raise invalid("DestinationResource")
    zones = []
    for zone, types in ecs.stocks.items():
        if params.text("ZoneId", zone) != zone:
            continue
        offers = [_offer(ecs, kind, zone, payment) for kind in types if params.text("InstanceType", kind) == kind]
        if offers:
            zones.append(_zone(zone, params.text("RegionId"), offers))
    return {"AvailableZones": {"AvailableZone": zones}}


def describe_zones(ecs: EcsState, _params: Parameters) -> Json:
    """Return the zones of the region."""
    return {"Zones": {"Zone": list(ecs.zones.values())}}


def describe_account_attributes(ecs: EcsState, params: Parameters) -> Json:
    """Return the limits of the account."""
    asked = params.repeated("AttributeName", 20)
    return {"AccountAttributeItems": {"AccountAttributeItem": among(ecs.attributes, asked, "AttributeName")}}


OPERATIONS = {
    "DescribeAccountAttributes": describe_account_attributes,
    "DescribeAvailableResource": describe_available_resource,
    "DescribeZones": describe_zones,
}


def _payment(params: Parameters) -> str:
    charge, strategy = params.text("InstanceChargeType", "PostPaid"), params.text("SpotStrategy", "NoSpot")
    if charge not in PAYMENTS:
        raise invalid("InstanceChargeType")
    if strategy not in ("NoSpot", *SPOT):
        raise invalid("SpotStrategy")
    return strategy if charge == "PostPaid" and strategy != "NoSpot" else charge


def _one(params: Parameters, name: str) -> list[str] | None:
    return [params.text(name)] if name in params else None


def _offer(ecs: EcsState, kind: str, zone: str, payment: str) -> Json:
    is_sold_out = not ecs.sold_out.isdisjoint({(kind, zone, payment), (kind, zone, "")})
    return {**(NO_STOCK if is_sold_out else IN_STOCK), "Value": kind}


def _zone(zone: str, region: str, offers: list[Json]) -> Json:
    best = IN_STOCK if any(offer["Status"] == "Available" for offer in offers) else NO_STOCK
    resources = [{"SupportedResources": {"SupportedResource": offers}, "Type": "InstanceType"}]
    return {"AvailableResources": {"AvailableResource": resources}, "RegionId": region, **best, "ZoneId": zone}
