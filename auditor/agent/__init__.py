"""Puts the other rooms together: one audit, from the clients to the outcome."""
