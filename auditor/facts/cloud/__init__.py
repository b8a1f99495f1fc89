"""Rows of the cloud side, flattened from the wrapped answers of the APIs.

A field that the answer left out is None: a check that needs it says *not evaluated*, see ``said``.
"""
