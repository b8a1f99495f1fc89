"""Findings on the certificates of an Ingress."""

from collections.abc import Sequence

from auditor.facts.joins.ingress_controllers import Kind
from auditor.facts.kubernetes.ingresses import Ingress
from auditor.judge.api import Certainty, Finding, Text, broken, kubernetes_ref, ok, step, t
from checks.network._ingress_backend_findings import certainty_by, get_of

TLS_TYPE = "kubernetes.io/tls"


def secret_missing(ingress: Ingress, secret: str, hosts: Sequence[str], kind: Kind | None) -> Finding:
    """Say that the Secret with a certificate does not exist."""
    return _certificate(
        ingress,
        secret,
        hosts,
        t(
            "Ingress {ingress} takes the certificate for {hosts} from Secret {secret}, which does not exist: clients "
            "get a certificate of another name",
            ingress=ingress.key,
            hosts=list(hosts) or ["*"],
            secret=f"{ingress.namespace}/{secret}",
        ),
        t("does not exist"),
        certainty_by(kind),
        "",
    )


def secret_of_other_type(ingress: Ingress, secret: str, hosts: Sequence[str], type_: str) -> Finding:
    """Say that the Secret with a certificate is of another type; one of no special type may hold one all the same."""
    return _certificate(
        ingress,
        secret,
        hosts,
        t(
            "Ingress {ingress} takes the certificate for {hosts} from Secret {secret}, which is of type {type} and not "
            "kubernetes.io/tls",
            ingress=ingress.key,
            hosts=list(hosts) or ["*"],
            secret=f"{ingress.namespace}/{secret}",
            type=type_,
        ),
        t("type {type}", type=type_),
        Certainty.CONFIRMED if type_.startswith(("kubernetes.io/", "helm.sh/")) else Certainty.LIKELY,
        type_,
    )


def secret_unusable(ingress: Ingress, secret: str, line: str) -> Finding:
    """Say that the controller can't use the Secret with a certificate, by its log."""
    return _certificate(
        ingress,
        secret,
        (),
        t(
            "the controller can't use Secret {secret}, from which Ingress {ingress} takes its certificate: {line}",
            secret=f"{ingress.namespace}/{secret}",
            ingress=ingress.key,
            line=line,
        ),
        t("the log says: {line}", line=line),
        Certainty.LIKELY,
        "",
    )


def _certificate(
    ingress: Ingress,
    secret: str,
    hosts: Sequence[str],
    message: Text,
    detail: Text,
    certainty: Certainty,
    type_: str,
) -> Finding:
    return Finding(
        subject=ingress.ref,
        fault=f"tls-secret/{secret}",
        message=message,
        certainty=certainty,
        why=t(
            "Without a certificate of its own for a host, the Nginx Ingress controller serves one that it signed "
            "itself (Kubernetes Ingress Controller Fake Certificate), and the ALB Ingress controller leaves out the "
            "listener."
        ),
        remedy=(
            step(t("See the Secrets of the namespace, with their types"), *get_of(ingress.namespace, "secrets")),
            step(
                t(
                    "Make the Secret from the certificate and its key. If cert-manager is to make it, look at its "
                    "Certificate and Order instead. An existing Secret of another type has to be deleted first: its "
                    "type can't be changed."
                ),
                *("kubectl", "-n", ingress.namespace, "create", "secret", "tls", secret),
                *("--cert", "<certificate-file>", "--key", "<key-file>"),
            ),
        ),
        trail=(
            ok(ingress.ref, t("certificate from Secret {secret}", secret=secret)),
            broken(kubernetes_ref("Secret", secret, ingress.namespace), detail),
        ),
        evidence={"secret": secret, "hosts": list(hosts), **({"type": type_} if type_ else {})},
    )
