"""Part of `make check`: migrations from empty on both databases, and no drift afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

from tests.services import ROOT, running_postgres


def main() -> int:
    check("sqlite", {})
    with running_postgres() as url:
        check("postgres", {"DATABASE_URL": url})
    return 0


def check(kind: str, environ: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory(prefix="candor-") as folder:
        for part in ("migrate", "check-migrations"):
            subprocess.run(
                [sys.executable, "-m", "app.cli", part],
                cwd=ROOT,
                check=True,
                env={**os.environ, "CANDOR_DATA": folder, **environ},
            )
    print(f"migrations on {kind}: from empty, no drift")


if __name__ == "__main__":
    sys.exit(main())
