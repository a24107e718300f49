"""A process that must not outlive the one that started it."""

import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def end_with_parent(parent: int) -> None:
    """Let Linux kill this process with its parent, whose id is ``parent``.

    At once where that is gone already.

    More exactly with the thread that started it, so that has to wait for it. Elsewhere the guard alone ends
    it.
    """
    if sys.platform != "linux":
        return
    import ctypes  # 5 ms, of which commands without such processes need none

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
