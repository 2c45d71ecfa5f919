"""What a benchmark runs against: Candor's own processes with a Valkey and data of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import requests

from tests.services import ROOT, Program, free_port, running_valkey

DOMAIN = "shop.bench.example"
USER, PASSWORD = "b@bench.example", "bench bench bench"


@dataclass
class Stage:
    program: Program
    redis_url: str
    environ: dict[str, str]
    organization_id: str
    campaign_id: str
    site_id: str
    site_key: str
    source_id: str
    secret: str

    def workers(self) -> list[int]:
        """Pids of gunicorn's master and workers."""
        master = psutil.Process(self.program.processes["web"].pid)
        return [master.pid, *(child.pid for child in master.children(recursive=True))]


@contextmanager
def stage(**environ: str) -> Iterator[Stage]:
    with (
        tempfile.TemporaryDirectory(prefix="candor-bench-") as folder,
        running_valkey(Path(folder)) as redis_url,
    ):
        values = {"CANDOR_DATA": folder, "REDIS_URL": redis_url, **environ}
        program = Program(values)
        call(program.environ, "migrate")
        made = json.loads(
            call(
                program.environ,
                "bootstrap",
                "--organization",
                "Bench",
                "--email",
                USER,
                "--password",
                PASSWORD,
                "--domain",
                DOMAIN,
                "--json",
            )
        )
        for part in ("web", "worker"):
            program.start(part)
        program.wait()
        try:
            yield _furnish(program, redis_url, values, made)
        finally:
            program.stop()


def call(environ: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, "-m", "app.cli", *arguments]
    done = subprocess.run(
        command, env=environ, cwd=ROOT, check=True, capture_output=True, text=True
    )
    return done.stdout


def _furnish(
    program: Program, redis_url: str, environ: dict[str, str], made: dict[str, str]
) -> Stage:
    bearer = {"Authorization": f"Bearer {made['api_key']}"}
    source = requests.post(
        f"{program.url}/api/v1/sources",
        headers=bearer,
        timeout=5,
        json={"site_id": made["site_id"], "kind": "shopify", "name": "Shop"},
    ).json()
    campaigns = []
    for name, format, content in (
        ("Recent", "recent_activity", {}),
        ("Notice", "notice", {"message": "Open until eight"}),
    ):
        made_campaign = requests.post(
            f"{program.url}/api/v1/campaigns",
            headers=bearer,
            timeout=5,
            json={
                "site_id": made["site_id"],
                "name": name,
                "format": format,
                "content": content,
                "status": "published",
            },
        )
        made_campaign.raise_for_status()
        campaigns.append(made_campaign.json()["id"])
    return Stage(
        program,
        redis_url,
        environ,
        made["organization_id"],
        campaigns[0],
        made["site_id"],
        made["site_key"],
        source["id"],
        source["secret"],
    )


@contextmanager
def bare(redis_url: str) -> Iterator[tuple[str, list[int]]]:
    """The bare ceiling under the same gunicorn settings; its address and its pids."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "-c",
        "bench/bare.gunicorn.conf.py",
        "--no-control-socket",
        "--bind",
        f"127.0.0.1:{port}",
        "bench.bare:app",
    ]
    environ = {**os.environ, "REDIS_URL": redis_url}
    process = subprocess.Popen(command, cwd=ROOT, env=environ, start_new_session=True)
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                requests.get(f"http://127.0.0.1:{port}/", timeout=2)
                break
            except requests.RequestException:
                time.sleep(0.05)
        master = psutil.Process(process.pid)
        yield f"http://127.0.0.1:{port}", [process.pid, *(c.pid for c in master.children())]
    finally:
        process.terminate()
        process.wait(30)
