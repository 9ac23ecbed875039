"""A progress bar that no other process can stop."""

import os
import threading

from tqdm.auto import tqdm


class Bar(tqdm):
    """tqdm's, with a lock of this process alone.

    tqdm shares its lock with forks. If one of them is killed while it holds the lock, every later
    bar here would wait forever.
    """


def _renew_lock() -> None:
    Bar.set_lock(threading.RLock())


_renew_lock()
if hasattr(os, "register_at_fork"):  # a thread of the parent may hold the copy
    os.register_at_fork(after_in_child=_renew_lock)
