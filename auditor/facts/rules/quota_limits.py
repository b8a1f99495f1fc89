"""The limit that an account has: what Quota Center says, else the documented default, marked as assumed.

Quota Center silent (it lists the product, but not this quota) means the default. Quota Center not readable means
that the limit is not known.
"""

from dataclasses import dataclass

from auditor.facts.cloud.quotas import Quota
from auditor.facts.table import NotKnown, Table, said
from auditor.facts.text import Text, t


@dataclass(frozen=True)
class QuotaName:
    """A quota: its names, the product and the documented default.

    Documents and answers disagree on the code of a quota, so any of ``names`` may stand as the code or as the name.
    """

    product: str
    names: tuple[str, ...]
    default: int


BACKENDS_PER_CLB = QuotaName("slb", ("slb_quota_backendservers_num", "q_fh20b0", "backendservers-per-slb"), 200)
"""Entries over all server groups of one CLB. Source: CLB documentation, quotas."""

BACKENDS_PER_NLB = QuotaName("nlb", ("nlb_quota_loadbalancer_noeci_servers_num",), 400)
"""Entries over all server groups of one NLB, those of type ECI apart. Source: NLB documentation, quotas."""

ATTACHMENTS_TO_CLB = QuotaName("slb", ("slb_quota_backendserver_attached_num", "slbs-per-backendserver"), 50)
"""Times one server may be entered in server groups of CLB, over the region. Source: CLB documentation, quotas."""

ATTACHMENTS_TO_NLB = QuotaName("nlb", ("nlb_quota_server_added_num",), 200)
"""Times one server may be entered in server groups of NLB, over the region. Source: NLB documentation, quotas."""


@dataclass(frozen=True)
class Limit:
    """A limit, and whether it was assumed and not read."""

    value: int
    is_assumed: bool

    @property
    def text(self) -> Text | str:
        """The limit as a sentence says it: an assumed one says so."""
        if self.is_assumed:
            return t("{limit} (assumed: Quota Center names no other)", limit=self.value)
        return str(self.value)


def limit_of(quotas: Table[Quota], quota: QuotaName, region: str) -> Limit:
    """Return the limit of a quota in a region.

    Args:
        quotas: the quotas of the product.
        quota: which one.
        region: that of the cluster; a row without a region holds for all.

    Raises:
        NotKnown: the row may be among those that could not be read, or it states no limit.
    """
    rows = [
        row
        for row in quotas.known_rows()
        if (row.code in quota.names or row.name in quota.names) and (not region or row.region in ("", region))
    ]
    if not rows:
        if quotas.gaps:
            raise NotKnown(*quotas.reasons)
        return Limit(quota.default, is_assumed=True)
    row = max(rows, key=lambda row: row.region == region)
    stated = row.limit if row.limit is not None and row.limit > 0 else None
    return Limit(int(said(stated, "quotas", t("the limit of quota {quota}", quota=row.code))), is_assumed=False)
