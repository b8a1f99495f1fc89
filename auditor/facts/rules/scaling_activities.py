"""What a scaling activity was, and why it failed: the texts and error codes of Auto Scaling, by their cause.

The words are those of Auto Scaling's "Troubleshoot scaling activity exceptions" and of the error codes of ECS.
"""

import re
from enum import Enum

from auditor.facts.cloud.ess import ScalingActivity
from auditor.facts.text import Text, t


class ActivityCause(Enum):
    """Why an activity failed; each member has words for it."""

    STOCK = t("out of stock")
    QUOTA = t("a quota of the account is reached")
    ADDRESSES = t("a vSwitch has no free address")
    PERMISSION = t("a permission is lacking")
    ARREARS = t("the account has a payment overdue, or too small a balance")
    SIZE = t("the group is at its bound")
    SECURITY_GROUP = t("a security group is missing or full")
    LOAD_BALANCER = t("a load balancer of the group is not there, not active or full")
    CONFIGURATION = t("what the group makes instances from is not valid any more")
    GROUP = t("the group is out of order")
    OTHER = t("see the message")

    @property
    def text(self) -> Text:
        """The words."""
        value: Text = self.value
        return value


_CAUSES: tuple[tuple[ActivityCause, str], ...] = (
    (ActivityCause.ADDRESSES, r"IpNotEnough|ip address(es)? .*not enough|insufficient.* ip|no (free|available) ip"),
    (ActivityCause.STOCK, r"NoStock|out of stock|sold ?out|not (on sale|available) in the specified zone|inventory"),
    (ActivityCause.ARREARS, r"arrear|NotEnoughBalance|InsufficientBalance|overdue|\bbalance\b"),
    (ActivityCause.SECURITY_GROUP, r"security ?group"),
    (ActivityCause.LOAD_BALANCER, r"load ?balancer|\b[sn]lb|server ?group|backend ?server|\brds\b"),
    (ActivityCause.QUOTA, r"quota|LimitExceed|ExceedLimit|exceeds? the (limit|maximum)"),
    (ActivityCause.PERMISSION, r"Forbidden|NoPermission|not authorized|unauthorized|EntityNotExist\.Role"),
    (ActivityCause.SIZE, r"total capacity will not change"),
    (
        ActivityCause.CONFIGURATION,
        r"Invalid|NotFound|not found|does not exist|not supported|NotSupport|KeyPair|image",
    ),
    (ActivityCause.GROUP, r"status of the specified scaling group"),
)
_COMPILED = tuple((cause, re.compile(pattern, re.IGNORECASE)) for cause, pattern in _CAUSES)
_OUT = re.compile(r"\b(add|adds|added|attach|create|launch|increase)\b|scale[ -]?out", re.IGNORECASE)
_IN = re.compile(r"\b(remove|removes|removed|detach|release|delete|decrease)\b|scale[ -]?in\b", re.IGNORECASE)
_FROM_TO = re.compile(r"from\D{0,3}(\d+)\D{1,6}to\D{0,3}(\d+)", re.IGNORECASE)
_PASSING = re.compile(
    r"cool ?down|scaling activity .*in progress|Operation\.Conflict|ScalingActivityInProgress", re.IGNORECASE
)


def said_by(activity: ScalingActivity) -> str:
    """Return the words of an activity that say why it failed: the code and the message."""
    words = activity.error_message or activity.status_message
    return f"{activity.error_code}: {words}".strip(": ") if activity.error_code not in words else words


def is_scale_out(activity: ScalingActivity) -> bool:
    """Tell whether an activity was to add instances. One that does not say counts as such."""
    counts = _FROM_TO.search(activity.cause)
    if counts:
        return int(counts[2]) > int(counts[1])
    for text in (activity.description, activity.cause):
        if _IN.search(text):
            return False
        if _OUT.search(text):
            return True
    return True


def is_passing(activity: ScalingActivity) -> bool:
    """Tell whether an activity was refused for what passes by itself: a cooldown, or another one under way."""
    return (activity.status or "").lower() == "rejected" and bool(_PASSING.search(_all(activity)))


def cause_of(activity: ScalingActivity) -> ActivityCause:
    """Return why an activity failed, as far as its words are known. The error code is asked first."""
    for text in (activity.error_code, _all(activity)):
        for cause, pattern in _COMPILED:
            if text and pattern.search(text):
                return cause
    return ActivityCause.OTHER


def _all(activity: ScalingActivity) -> str:
    return " ".join((activity.error_code, activity.error_message, activity.status_message))
