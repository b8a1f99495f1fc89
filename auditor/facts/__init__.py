"""What is known of a cluster: typed rows, fact tables, joins and the documented rules that read them.

This room imports no other. It has no network, no clock and no configuration.
"""
