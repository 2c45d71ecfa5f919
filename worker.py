"""One job worker: `python worker.py` or `candor worker`."""

import os

from app import create_app
from app.core import logs, worker

NICENESS = 10  # what somebody waits for goes first on a busy machine


def main() -> None:
    os.nice(NICENESS)
    logs.configure()
    worker.run(create_app())


if __name__ == "__main__":
    main()
