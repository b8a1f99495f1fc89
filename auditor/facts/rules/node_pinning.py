"""Is a workload nailed to one node? Then its Pods share what only one node can have."""

from auditor.facts.kubernetes.workloads import Workload

HOST_NAME = "kubernetes.io/hostname"


def is_nailed_to_a_node(workload: Workload) -> bool:
    """Tell whether all Pods of a workload can run on one node only: by name, host-name selector or affinity."""
    spec = workload.spec.template.spec
    if spec.node_name or HOST_NAME in (spec.node_selector or {}):
        return True
    affinity = spec.affinity.node_affinity if spec.affinity else None
    terms = (affinity.required.node_selector_terms or ()) if affinity and affinity.required else ()
    names: set[str] = set()
    for term in terms:
        named = [
            values
            for one in (*(term.match_expressions or ()), *(term.match_fields or ()))
            if one.key in (HOST_NAME, "metadata.name") and one.operator == "In" and (values := set(one.values or ()))
        ]
        if not named:
            return False
        names |= set.intersection(*named)
    return len(names) == 1
