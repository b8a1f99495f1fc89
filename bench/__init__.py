"""Measures speed and memory on generated clusters, all on this machine: ``python -m bench [PART…]``.

Figures drift with the machine and with what else it does, so they are printed beside what they are to be compared
with, measured in the same run. Nothing is judged here.
"""
