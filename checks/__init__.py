"""The checks: one file each, in a folder per subject area. The path is the id."""
