"""The same settings as Candor's own, without its hooks."""

from gevent import monkey

monkey.patch_all()

import runpy  # noqa: E402

_ours = runpy.run_path("gunicorn.conf.py")
_hooks = {"post_worker_init", "child_exit"}
globals().update(
    {name: value for name, value in _ours.items() if name[0] != "_" and name not in _hooks}
)
