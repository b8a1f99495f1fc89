"""The Kubernetes API: paged raw lists, decoded straight into rows."""
