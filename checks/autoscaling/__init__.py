"""Scaling of node pools."""
