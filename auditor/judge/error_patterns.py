"""The error texts that are known: kubectl's, those of events, and lines of logs; each with the symptom it leads to.

The words are those of the programs' own sources and of Alibaba Cloud's documents:

- kubectl: the sources of kubectl and of the API server (github.com/kubernetes/kubernetes,
  staging/src/k8s.io/kubectl, staging/src/k8s.io/apiserver, pkg/kubelet)
- go: the Go library, whose words they pass on (net, net/http, crypto/x509)
- kubernetes: kubelet, scheduler and volume controllers (github.com/kubernetes/kubernetes, pkg)
- disk: "FAQ about disk volumes" (https://www.alibabacloud.com/help/document_detail/286495.html)
- nas: "FAQ about NAS volumes" (https://www.alibabacloud.com/help/document_detail/286976.html)
- ccm: "Service errors and solutions" (https://www.alibabacloud.com/help/document_detail/403618.html), and the source of
  the cloud controller manager (github.com/kubernetes/cloud-provider-alibaba-cloud)
- nginx: the sources of nginx and of the Ingress controller (github.com/kubernetes/ingress-nginx)
- those of :mod:`auditor.facts.rules.log_patterns`, whose expressions are used here as well
"""

from auditor.facts.text import t
from auditor.judge.error_pattern import ErrorPattern, known
from auditor.judge.error_patterns_services import NETWORK, SERVICES
from auditor.judge.error_patterns_storage import SCALING, STORAGE

__all__ = ["FORBIDDEN", "PATTERNS", "ErrorPattern"]

FORBIDDEN = known(
    "rbac-forbidden",
    r'User "(?P<user>[^"]+)" cannot (?P<verb>[\w*-]+) '
    r'(?:resource "(?P<resource>[^"]+)" in API group "(?P<group>[^"]*)"'
    r'(?: (?:in the namespace "(?P<namespace>[^"]+)"|at the cluster scope))?|path "(?P<path>[^"]*)")',
    "kubectl-forbidden",
    t("the API server knows the user, and no RBAC rule gives him this right"),
    "kubectl",
)

_KUBECTL = (
    FORBIDDEN,
    known(
        "kubelet-unreachable",
        r"dial tcp \[?(?P<address>[\w.:-]+?)\]?:10250: (i/o timeout|connect: (connection refused|no route to host))"
        r"|error dialing backend: .*:10250",
        "kubectl-logs-exec-fail",
        t("the API server can't connect to the kubelet of the node"),
        "kubectl, go",
    ),
    known(
        "kubelet-tls",
        r":10250\b.*(x509|certificate|tls: )",
        "kubectl-logs-exec-fail",
        t("the API server reaches the kubelet, but does not trust its certificate, or the other way round"),
        "kubectl, go",
    ),
    known(
        "api-server-certificate",
        r"(Unable to connect to the server|couldn't get current server API group list|failed to download openapi).*"
        r"(x509|tls: )|^\W*(error: )?x509: ",
        "kubectl-timeout",
        t("kubectl does not trust the API server's certificate, or one of the two has expired"),
        "kubectl, go",
    ),
    known(
        "not-logged-in",
        r"You must be logged in to the server|\bthe server has asked for the client to provide credentials"
        r"|\berror: .*\bUnauthorized\b|^\W*(401 )?Unauthorized\W*$",
        "kubectl-timeout",
        t("the API server does not accept the credentials of the kubeconfig (401)"),
        "kubectl",
    ),
    known(
        "api-server-no-connection",
        r"Unable to connect to the server: (?!.*(x509|tls: ))"
        r"|The connection to the server \S+ was refused|dial tcp \S+:6443: "
        r"|couldn't get current server API group list: (?!.*(x509|tls: ))",
        "kubectl-timeout",
        t("the API server can't be connected to"),
        "kubectl, go",
    ),
    known(
        "api-server-slow",
        r"the server was unable to return a response in the time allotted|net/http: TLS handshake timeout"
        r"|Client\.Timeout exceeded while awaiting headers|etcdserver: (request timed out|leader changed|no leader)"
        r"|the server is currently unable to handle the request|stream error: .*INTERNAL_ERROR",
        "kubectl-timeout",
        t("the API server is connected to, and does not answer in time"),
        "kubectl, go",
    ),
    known(
        "api-server-throttles",
        r"the server has received too many requests|\(TooManyRequests\)",
        "kubectl-timeout",
        t("the API server asks its clients to slow down (429)"),
        "kubectl",
    ),
)

PATTERNS = (*_KUBECTL, *STORAGE, *SCALING, *SERVICES, *NETWORK)
"""All of them. Of several that match, the first one leads."""
