"""The ACK auditor: it joins the Kubernetes API and the Alibaba Cloud API and audits both layers together."""

__version__ = "0.1.0"
