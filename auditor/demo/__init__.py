"""The embedded demo landscape: a recorded healthy cluster with faults planted in it. Made by ``make demo``."""
