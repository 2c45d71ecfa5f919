"""`candor up`: what the process tree of one machine consists of, and in which order it starts."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TextIO

from app.config import ConfigurationError, Settings, embedded_redis_socket
from app.core import valkey
from app.core.processes import Child, Tree

START_PATIENCE = 30.0  # seconds until the first answer
WORKERS = 2


def run_tree(host: str, port: int, settings: Settings, *, demo: bool = False) -> int:
    """Start everything, print the address, run until a signal; answers the exit status."""
    tree, _lock = Tree(), _only_tree(settings.data)
    _refuse_taken(host, port)
    os.environ.setdefault("CANDOR_URL", f"http://{_reachable(host)}:{port}")
    os.environ.setdefault("WEB_CONCURRENCY", str(WORKERS))
    prepare_metrics(settings.data)
    if not os.environ.get("REDIS_URL"):
        _start_valkey(tree, settings.data)
    # Migrating and the server's own start both take a second or two: Valkey boots meanwhile.
    status = _migrate(tree, demo)
    if status or tree.stopping:
        tree.stop()
        return status
    tree.add(Child("worker", part("worker")))
    tree.add(Child("cron", part("cron")))
    tree.add(Child("web", web_command(host, port)))
    _announce(tree, host, port)
    return tree.run()


def _migrate(tree: Tree, demo: bool) -> int:
    """Its exit status; 0 as well when a signal broke it off, which its transactions bear."""
    process = subprocess.Popen(part("migrate", *["--demo"] * demo))
    while process.poll() is None:
        if tree.stopping:
            process.terminate()
            process.wait()
            return 0
        time.sleep(0.05)
    return process.returncode


def part(name: str, *options: str) -> list[str]:
    return [sys.executable, "-m", "app.cli", name, *options]


def web_command(host: str, port: int) -> list[str]:
    bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return [
        sys.executable,
        "-m",
        "gunicorn",
        "-c",
        "gunicorn.conf.py",
        "--no-control-socket",
        "--bind",
        bind,
        "wsgi:app",
    ]


def _start_valkey(tree: Tree, data: Path) -> None:
    path = embedded_redis_socket(data)
    tree.add(valkey.child(path))
    if not valkey.wait_for(path):
        tree.stop()
        raise ConfigurationError(f"The embedded Valkey did not answer at {path}.")


def prepare_metrics(data: Path) -> None:
    """prometheus_client adds up the workers' files; those of an earlier run are stale."""
    folder = data / "metrics"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", str(folder))


def _refuse_taken(host: str, port: int) -> None:
    # With SO_REUSEPORT a second tree would silently share the port.
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigurationError(f"{host}:{port} is taken. Try --port.") from error


def _announce(tree: Tree, host: str, port: int) -> None:
    # Without the environment's proxies: this is our own machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + START_PATIENCE
    while time.monotonic() < deadline and not tree.stopping:
        try:
            with opener.open(f"http://{_reachable(host)}:{port}/health/live", timeout=2):
                print(f"Candor answers at {os.environ['CANDOR_URL']}", flush=True)
                return
        except OSError:
            time.sleep(0.05)
    if not tree.stopping:
        print("candor: the web server has not answered yet, see its log above", file=sys.stderr)


def _only_tree(data: Path) -> TextIO:
    """Two trees would write to the same Valkey files. Held for as long as the process lives."""
    lock = (data / "up.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        message = f"Candor is running on {data} already. Another one needs its own CANDOR_DATA."
        raise ConfigurationError(message) from error
    return lock


def _reachable(host: str) -> str:
    if host in ("0.0.0.0", "::"):
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
