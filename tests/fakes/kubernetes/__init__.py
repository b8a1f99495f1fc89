"""A fake Kubernetes API server over real HTTP, filled with a recorded healthy cluster."""

from tests.fakes.kubernetes.cluster import FakeKubernetes as FakeKubernetes
from tests.fakes.kubernetes.faults import Fault as Fault
from tests.fakes.kubernetes.requests import Request as Request
