"""The process tree: it restarts what dies, gives up in time, and stops in the right order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
import requests

from tests.running.test_kills import descendants
from tests.services import ROOT, Program


@pytest.fixture
def tree(tmp_path):
    program = Program({"CANDOR_DATA": str(tmp_path)})
    for name in ("REDIS_URL", "DATABASE_URL"):
        program.environ.pop(name, None)
    yield program
    program.stop()


def test_it_starts_prints_its_address_and_stops_without_orphans(tree):
    process = tree.start("up", "--demo")
    tree.wait("/health/ready")
    deadline = time.monotonic() + 20
    while len(descendants(process.pid)) < 6:  # Valkey, worker, cron, gunicorn and its two workers
        assert time.monotonic() < deadline
        time.sleep(0.1)
    family = [row.pid for row in descendants(process.pid)]
    assert requests.get(f"{tree.url}/demo", timeout=5).status_code == 200
    process.terminate()
    assert process.wait(30) == 0
    is_gone(family)
    log = tree.log.read_text()
    assert f"Candor answers at {tree.url}" in log and "demo@candor.example" in log
    assert "Traceback" not in log


def is_gone(family, seconds=5):
    """What was ended takes a moment to be taken out of the list of processes."""
    deadline = time.monotonic() + seconds
    while left := [pid for pid in family if os.path.exists(f"/proc/{pid}")]:
        assert time.monotonic() < deadline, f"{left} are left"
        time.sleep(0.1)


def second_tree(tree, **environ):
    command = [sys.executable, "-m", "app.cli", "up", "--port", str(tree.port)]
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**tree.environ, **environ},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_a_taken_port_or_folder_is_said_and_nothing_is_left_running(tree, tmp_path):
    tree.start("up")
    tree.wait()
    other = tmp_path / "other"
    taken = second_tree(tree, CANDOR_DATA=str(other))
    assert taken.returncode == 2 and "is taken" in taken.stderr
    shared = second_tree(tree)
    assert shared.returncode == 2 and "is running on" in shared.stderr


def test_children_do_not_outlive_a_parent_that_is_killed(tree):
    process = tree.start("up")
    tree.wait()
    family = [row.pid for row in descendants(process.pid)]
    process.kill()
    process.wait()
    tree.processes.pop("up")
    deadline = time.monotonic() + 30
    while any(os.path.exists(f"/proc/{pid}") for pid in family):
        assert time.monotonic() < deadline, "orphans"
        time.sleep(0.2)


def test_a_part_that_cannot_live_stops_the_tree_with_a_failure(tree):
    process = tree.start("up")
    tree.wait()
    deadline = time.monotonic() + 50
    while process.poll() is None and time.monotonic() < deadline:
        for row in descendants(process.pid):
            if "app.cli cron" in row.line:
                os.kill(row.pid, signal.SIGKILL)
        time.sleep(0.2)
    assert process.poll() == 1
    tree.processes.pop("up")


@pytest.mark.parametrize("secret", ["", "short", "change-me" * 5, "a" * 50])
def test_production_refuses_a_missing_or_sample_secret(tree, secret):
    environ = {
        **tree.environ,
        "CANDOR_ENV": "production",
        "SECRET_KEY": secret,
        "ENCRYPTION_KEYS": "k1:" + "QUFB" * 10 + "QUE=",
    }
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", "migrate"],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2 and "SECRET_KEY" in done.stderr


@pytest.mark.parametrize("seconds", [0.4, 1.5])
def test_a_signal_while_it_starts_leaves_nothing_running(tree, seconds):
    process = tree.start("up")
    time.sleep(seconds)
    family = [row.pid for row in descendants(process.pid)]
    process.terminate()
    process.wait(30)
    is_gone(family)
