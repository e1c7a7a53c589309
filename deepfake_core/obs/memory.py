"""Memory that a worker leaves behind."""

import ctypes as C  # noqa: N812
import sys


def trim() -> None:
    """Give freed memory back to the system.

    glibc keeps what a thread freed in that thread's arena, for a thread that may never come: without this OBS would
    grow a little with each reload of the script. Other C libraries give memory back by themselves.
    """
    if sys.platform == "linux":
        trim_heap = getattr(C.CDLL(None), "malloc_trim", None)
        if trim_heap is not None:
            trim_heap(C.c_size_t(0))
