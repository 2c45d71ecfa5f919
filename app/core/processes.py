"""The process tree of one machine: children started in order, restarted with backoff, stopped in
the opposite order. Only the standard library here: this process must stay small."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field

PR_SET_PDEATHSIG = 1

WINDOW = 60.0  # seconds
MOST_DEATHS = 5
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0
STEADY = 30.0  # seconds after which a child counts as healthy again
PATIENCE = 20.0  # seconds for a child to stop by itself


def _end_with_parent() -> None:
    """Have the kernel send TERM when the parent is gone, however it went (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass
class Child:
    """One program of the tree."""

    name: str
    command: list[str]
    environ: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    due_at: float = 0.0
    pause: float = FIRST_PAUSE

    def start(self) -> None:
        # A session of its own: Ctrl C reaches the parent alone, which stops in the right order.
        self.process = subprocess.Popen(
            self.command,
            env={**os.environ, **self.environ},
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )
        self.started_at = time.monotonic()

    def stop(self) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Tree:
    """Runs its children until a signal or until they die five times within a minute."""

    def __init__(self) -> None:
        self.children: list[Child] = []
        self._deaths: deque[float] = deque(maxlen=MOST_DEATHS)
        self._stopping = threading.Event()
        # From the start: a signal between two children must not leave the first one behind.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stopping.set())

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    def add(self, child: Child) -> None:
        """Start a child, unless a signal came meanwhile."""
        if not self.stopping:
            child.start()
            self.children.append(child)

    def run(self) -> int:
        """Blocks; answers the exit status: 0 after a signal, 1 when it gave up."""
        gave_up = False
        while not self._stopping.wait(0.2):
            if self._tend():
                gave_up = True
                break
        self.stop()
        return 1 if gave_up else 0

    def stop(self) -> None:
        for child in reversed(self.children):
            child.stop()

    def _tend(self) -> bool:
        """Restart what has died; True when it dies too often."""
        moment = time.monotonic()
        for child in self.children:
            assert child.process is not None
            if child.process.poll() is None:
                if moment - child.started_at > STEADY:
                    child.pause = FIRST_PAUSE
                continue
            if not child.due_at:
                self._deaths.append(moment)
                status = child.process.returncode
                print(
                    f"candor: {child.name} ended with {status}, again in {child.pause:g} s",
                    file=sys.stderr,
                    flush=True,
                )
                if len(self._deaths) == MOST_DEATHS and moment - self._deaths[0] < WINDOW:
                    return True
                child.due_at = moment + child.pause
                child.pause = min(LONGEST_PAUSE, child.pause * 2)
            elif moment >= child.due_at:
                child.due_at = 0.0
                child.start()
        return False
