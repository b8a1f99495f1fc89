"""Disks, NAS and the drivers that mount them."""
