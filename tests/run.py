"""`make test`: the suite on SQLite and on Postgres. Both must pass."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time

from tests.services import ROOT, chromium


def main() -> int:
    ensure_browser()
    outcomes = {}
    for kind in ("sqlite", "postgres"):
        started = time.monotonic()
        print(f"== {kind}", flush=True)
        environ = {**os.environ, "CANDOR_TEST_DATABASE": kind}
        command = [sys.executable, "-m", "pytest", "-q", *sys.argv[1:]]
        status = subprocess.run(command, env=environ, cwd=ROOT, check=False).returncode
        outcomes[kind] = status
        print(
            f"== {kind}: {'passed' if status == 0 else 'FAILED'} "
            f"in {time.monotonic() - started:.0f} s",
            flush=True,
        )
    return max(outcomes.values())


def ensure_browser() -> None:
    """The system's Chromium, else playwright's own, else the package manager's."""
    if chromium():
        return
    if (
        subprocess.run(
            [sys.executable, "-m", "playwright", "install", "chromium"], check=False
        ).returncode
        == 0
    ):
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(["apt-get", "install", "-y", "-qq", "chromium"], check=True)
        return
    sys.exit("The tests need a browser: install Chromium (Debian: apt-get install chromium).")


if __name__ == "__main__":
    sys.exit(main())
