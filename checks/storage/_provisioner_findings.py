"""The findings on claims for which nobody makes a volume."""

from dataclasses import dataclass

from auditor.facts.joins.provisioners import Runner, Running
from auditor.facts.kubernetes.pods import Pod
from auditor.facts.kubernetes.volumes import NAS_CSI_DRIVER, NAS_FLEX_DRIVER, PersistentVolumeClaim, StorageClass
from auditor.facts.rules.storage_drivers import CSI_PROVISIONER, NAMESPACE, NAS_CONTROLLER
from auditor.judge.api import (
    Certainty,
    Evidence,
    Finding,
    Hop,
    Step,
    Text,
    broken,
    kubernetes_ref,
    ok,
    step,
    t,
)

SHOWN_PODS = 5
"""How many Pods the trail lists."""


@dataclass(frozen=True)
class Waiting:
    """A claim that waits for its volume; ``event`` is what the controller says of whom it waits for."""

    claim: PersistentVolumeClaim
    class_name: str
    pods: tuple[Pod, ...]
    event: str

    @property
    def hops(self) -> tuple[Hop, ...]:
        """The Pods, and the claim."""
        pods = (ok(pod.ref) for pod in self.pods[:SHOWN_PODS])
        return (*pods, ok(self.claim.ref, t("is Pending; class {name}", name=self.class_name)))

    @property
    def evidence(self) -> dict[str, Evidence]:
        """What every finding on the claim rests on."""
        read: dict[str, Evidence] = {"class": self.class_name, "phase": self.claim.status.phase}
        made = self.claim.metadata.creation_timestamp
        if made:
            read["waits_since"] = made.isoformat()
        if self.pods:
            read["pods"] = sorted(pod.key for pod in self.pods)[:20]
        return read | ({"event": self.event} if self.event else {})

    @property
    def confirm(self) -> Step:
        """How to see for whom it waits."""
        return step(
            t("Confirm: the events of the claim say whom it waits for."),
            *("kubectl", "-n", self.claim.namespace, "describe", "pvc", self.claim.name),
        )


def no_class(waiting: Waiting, certainty: Certainty) -> Finding:
    """Make the finding that the class does not exist, and no free volume has its name."""
    return Finding(
        subject=waiting.claim.ref,
        fault="no-class",
        message=t(
            "storage class {name} does not exist, and no free volume names it: nobody makes a volume for the claim",
            name=waiting.class_name,
        ),
        certainty=certainty,
        trail=(
            *waiting.hops,
            broken(kubernetes_ref("StorageClass", waiting.class_name), t("does not exist")),
        ),
        evidence=waiting.evidence,
        remedy=(
            waiting.confirm,
            step(t("See which classes there are."), "kubectl", "get", "storageclass"),
            step(
                t(
                    "Make a class of this name, and the claim is served at once; or make the claim anew with another "
                    "class, for the class of a claim can't be changed. A claim without a volume holds no data."
                )
            ),
        ),
    )


def no_provisioner(
    waiting: Waiting,
    storage_class: StorageClass,
    runner: Runner,
    certainty: Certainty,
    *,
    is_flexvolume: bool,
    is_before_default: bool,
) -> Finding:
    """Make the finding that nobody runs the provisioner of the claim's class."""
    provisioner = storage_class.provisioner
    return Finding(
        subject=waiting.claim.ref,
        fault="no-provisioner",
        message=_message(storage_class, runner, is_flexvolume=is_flexvolume, is_before_default=is_before_default),
        certainty=certainty,
        why=_why(runner),
        trail=(
            *waiting.hops,
            ok(storage_class.ref, t("provisioner {name}", name=provisioner)),
            broken(runner.ref, runner.detail),
        ),
        evidence={
            **waiting.evidence,
            "provisioner": provisioner,
            "binding_mode": storage_class.volume_binding_mode,
            "runs": str(runner.running),
            **({"component": runner.component} if runner.component else {}),
            **({"flexvolume_cluster": True} if is_flexvolume else {}),
        },
        remedy=(waiting.confirm, *_cure(waiting, storage_class, runner, is_flexvolume=is_flexvolume)),
    )


def _message(storage_class: StorageClass, runner: Runner, *, is_flexvolume: bool, is_before_default: bool) -> Text:
    places = {"name": storage_class.name, "provisioner": storage_class.provisioner, "component": runner.component}
    if is_flexvolume and is_before_default:
        return t(
            "class {name} needs {provisioner}, which nobody runs: the cluster uses Flexvolume and was made before "
            "Kubernetes 1.16, when alicloud-nas-controller was not installed by default",
        ).with_values(places)
    if is_flexvolume:
        return t(
            "class {name} needs {provisioner}, which nobody runs: the cluster uses Flexvolume, whose NAS volumes are "
            "made by alicloud-nas-controller",
        ).with_values(places)
    if runner.running is Running.NOT_READY and runner.component:
        return t(
            "class {name} needs {provisioner}, but {component} does not run: {detail}", detail=runner.detail
        ).with_values(places)
    if runner.running is Running.NOT_READY:
        return t(
            "class {name} needs {provisioner}, but {workload} does not run: {detail}",
            workload=runner.ref.path,
            detail=runner.detail,
        ).with_values(places)
    if runner.component:
        return t("class {name} needs {provisioner}, which {component} serves, and that is not installed").with_values(
            places
        )
    return t("class {name} needs {provisioner}, and nothing in the cluster is named after it").with_values(places)


def _why(runner: Runner) -> Text | None:
    if runner.running is not Running.NOT_READY or not runner.component:
        return None
    return t(
        "{component} makes the volumes of this class. What is wrong with it is told by "
        "storage/volume-driver-unhealthy; until it is cured, every new claim of its classes waits.",
        component=runner.component,
    )


def _cure(waiting: Waiting, storage_class: StorageClass, runner: Runner, *, is_flexvolume: bool) -> tuple[Step, ...]:
    if runner.running is Running.NOT_READY and runner.ref.namespace:
        return (
            step(
                t("See why it does not run, and cure that: the claim is then served by itself."),
                *("kubectl", "-n", runner.ref.namespace, "describe", runner.ref.kind.lower(), runner.ref.name),
            ),
        )
    if is_flexvolume:
        steps = [
            step(
                t("Confirm which stack the cluster has: Flexvolume, without csi-plugin."),
                *("kubectl", "-n", NAMESPACE, "get", "daemonset", "flexvolume", "csi-plugin"),
            ),
            step(
                t(
                    "Install alicloud-nas-controller, in the console under Operations, Add-ons, or from the manifest "
                    "in ACK's documents on Flexvolume NAS volumes. It adds a Deployment to kube-system and changes no "
                    "volume that exists."
                ),
                *("kubectl", "-n", NAMESPACE, "get", "deployment", NAS_CONTROLLER),
            ),
        ]
        if storage_class.provisioner == NAS_CSI_DRIVER:
            steps.append(
                step(
                    t(
                        "It serves classes whose provisioner is {flex}, not {csi}: make such a class, and the claim "
                        "anew with it. A claim without a volume holds no data.",
                        flex=NAS_FLEX_DRIVER,
                        csi=NAS_CSI_DRIVER,
                    ),
                    *("kubectl", "-n", waiting.claim.namespace, "delete", "pvc", waiting.claim.name),
                )
            )
        return tuple(steps)
    if runner.component == CSI_PROVISIONER:
        return (
            step(
                t(
                    "Install csi-provisioner, in the console under Operations, Add-ons. The claim is then served by "
                    "itself; volumes that exist are not touched."
                ),
                *("kubectl", "-n", NAMESPACE, "get", "deployment", CSI_PROVISIONER),
            ),
        )
    if runner.component:
        return (
            step(
                t(
                    "The provisioner is that of Flexvolume. In a cluster with CSI make a class with its CSI "
                    "provisioner, and the claim anew with it: a claim without a volume holds no data. In a "
                    "Flexvolume cluster install {component}.",
                    component=runner.component,
                ),
                *("kubectl", "get", "storageclass", storage_class.name, "-o", "yaml"),
            ),
        )
    return (
        step(
            t(
                "Look for the provisioner's workload by its documents; install it, or make the claim anew with another "
                "class. A claim without a volume holds no data."
            ),
            *("kubectl", "get", "deployments,statefulsets,daemonsets", "-A", "-o", "wide"),
        ),
    )
