"""kill -9 of the processes that store events, and of those that they lean on."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import psutil

from app.core import valkey
from app.core.processes import Child
from tests.services import Program

# How often each of them, of ten kills. What is killed most often is what events are lost with.
VICTIMS = ("web",) * 2 + ("web worker",) * 5 + ("valkey",) * 2 + ("worker",)


class Stage:
    """Web with two workers, a job worker and a Valkey, each of which can be killed."""

    def __init__(self, environ: dict[str, str], folder: Path) -> None:
        self._socket = folder / "valkey" / "v.sock"
        # Children end with the thread that started them: only ever the test's own.
        self._valkey: Child = valkey.child(self._socket)
        self._valkey.start()
        assert valkey.wait_for(self._socket), "Valkey did not start"
        self.program = Program(
            {
                **environ,
                "CANDOR_DATA": str(folder),
                "REDIS_URL": f"unix://{self._socket}",
                "WEB_CONCURRENCY": "2",
                "EVENTS_PER_ADDRESS": "1000000",
                "EVENTS_PER_SITE": "1000000",
                "VIEWS_PER_VISITOR": "0",
            }
        )
        self.program.start("worker")
        self.program.start("web")
        self.program.wait("/health/ready")

    def kill(self, victim: str, chance: random.Random) -> None:
        """End it without a warning, and start it again at once."""
        if victim == "web worker":
            self._kill_web_worker(chance)
        elif victim == "valkey":
            self._kill_valkey()
        else:
            self.program.kill(victim)
            self.program.start(victim)

    def _kill_web_worker(self, chance: random.Random) -> None:
        """gunicorn's master starts another one."""
        master = psutil.Process(self.program.processes["web"].pid)
        workers = sorted(each.pid for each in master.children())
        if workers:
            os.kill(chance.choice(workers), signal.SIGKILL)

    def _kill_valkey(self) -> None:
        assert self._valkey.process is not None
        self._valkey.process.kill()
        self._valkey.process.wait()
        self._valkey.start()

    def settle(self) -> None:
        """Until everything is there again."""
        assert valkey.wait_for(self._socket), "Valkey did not come back"
        self.program.wait("/health/ready")

    def stop(self) -> None:
        self.program.stop()
        self._valkey.stop()


def kill_at_random(stage: Stage, kills: int, chance: random.Random) -> None:
    bag: list[str] = []
    for number in range(kills):
        if not bag:
            bag = chance.sample(VICTIMS, len(VICTIMS))
        time.sleep(chance.uniform(0.1, 0.9))
        victim = bag.pop()
        print(f"kill {number + 1}: {victim}", flush=True)
        stage.kill(victim, chance)
        if victim == "web":
            stage.program.wait()
