"""Rows of the Kubernetes side: the few fields that checks use, named as Kubernetes names them.

Each struct decodes straight from the bytes of a list. Lists that the API server may leave out or answer as null
(it does so for empty ones) are read through properties that give an empty tuple.
"""
