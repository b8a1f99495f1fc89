"""Label selectors: which objects does one select?

The rules are those of "Labels and Selectors" in the Kubernetes documentation.
"""

from collections.abc import Mapping

from auditor.facts.kubernetes.meta import LabelSelector
from auditor.facts.rules.scheduling import requirement_holds


def selects(selector: LabelSelector, labels: Mapping[str, str]) -> bool:
    """Tell whether a selector selects an object with these labels. An empty one selects everything."""
    equal = all(labels.get(key) == value for key, value in (selector.match_labels or {}).items())
    return equal and all(requirement_holds(one, labels) for one in selector.match_expressions or ())
