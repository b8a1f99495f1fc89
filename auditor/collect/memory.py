"""Keeping the process small while large answers are read by several threads."""

import ctypes

_MMAP_THRESHOLD = -3
"""``M_MMAP_THRESHOLD`` of glibc's ``malloc.h``."""
_LARGE_BYTES = 256 * 1024
"""Smaller than a page of most lists, larger than what is made and thrown away for each row."""


def give_back_large_blocks() -> None:
    """Let the C library give blocks of 256 KiB and more back to the system as soon as they are free.

    glibc takes such blocks for lasting ones once some of them came and went, and keeps their room, for each thread
    apart: after reading a cluster of 100,000 Pods, 120 MB that nobody uses. Saying the threshold ends that. Other C
    libraries do not have this setting, and are left as they are.

    Source: https://man7.org/linux/man-pages/man3/mallopt.3.html
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "gnu_get_libc_version"):
        library.mallopt(_MMAP_THRESHOLD, _LARGE_BYTES)
