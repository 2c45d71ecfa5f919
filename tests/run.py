"""`make test`: the suite on SQLite and on Postgres. Both must pass."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.services import ROOT, chromium

KINDS = ("sqlite", "postgres")


def main() -> int:
    """Both at the same time: two cores, two databases. Each writes to its own log, shown whole."""
    ensure_browser()
    with tempfile.TemporaryDirectory(prefix="candor-test-") as folder:
        runs = {kind: start(kind, Path(folder) / kind) for kind in KINDS}
        statuses = [finish(kind, run) for kind, run in runs.items()]
    return max(statuses)


@dataclass
class Run:
    process: subprocess.Popen[bytes]
    log: Path
    started: float


def start(kind: str, log: Path) -> Run:
    environ = {**os.environ, "CANDOR_TEST_DATABASE": kind}
    command = [sys.executable, "-m", "pytest", "-q", *sys.argv[1:]]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environ, cwd=ROOT, stdout=output, stderr=output)
    return Run(process, log, time.monotonic())


def finish(kind: str, run: Run) -> int:
    status = run.process.wait()
    seconds = time.monotonic() - run.started
    print(f"== {kind}\n{run.log.read_text(errors='replace')}")
    print(f"== {kind}: {'passed' if status == 0 else 'FAILED'} in {seconds:.0f} s", flush=True)
    return status


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
