"""Deliveries: who is to be told what of a run, and one file for each kind of channel."""
