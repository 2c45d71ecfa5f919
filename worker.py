"""One job worker: `python worker.py` or `candor worker`."""

from app import create_app
from app.core import logs, worker


def main() -> None:
    logs.configure()
    worker.run(create_app())


if __name__ == "__main__":
    main()
