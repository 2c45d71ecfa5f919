"""Work that must not stop the event loop: long reads, password hashing, image work."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from gevent import get_hub, monkey

P = ParamSpec("P")
T = TypeVar("T")


def in_native_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `work` on gevent's native thread pool and wait cooperatively.

    Without gevent (workers, the command line) there is no loop to stop, so it runs in place.
    """
    if not monkey.is_module_patched("threading"):
        return work(*args, **kwargs)
    return get_hub().threadpool.apply(work, args, kwargs)
