"""The way to the API server and to the kubelets."""
