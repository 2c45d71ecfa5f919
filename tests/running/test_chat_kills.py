"""kill -9 of web processes, worker and Valkey while visitors write: each message is there once, in
its writer's order, and whoever listens hears of it or reads it again."""

from __future__ import annotations

import os
import random
import threading
import time
from uuid import uuid4

import pytest
import requests

from app.chat.models import ChatSettings
from app.core.db import db
from app.sites.models import Site
from tests.running.test_kills import kill_one, tree  # noqa: F401

KILLS = ("gunicorn worker",) * 3 + ("worker", "valkey")
WRITERS, MESSAGES = 4, 25


class Writer(threading.Thread):
    """Sends one message after the other, each under its own name until it is acknowledged, as the
    widget does."""

    def __init__(self, url, tenant, number):
        super().__init__(daemon=True)
        self.url, self.tenant, self.number = url, tenant, number
        self.token, self.conversation, self.answers = "", "", []
        self.bodies = [f"{number}/{each}" for each in range(MESSAGES)]

    def run(self):
        said = {"site": self.tenant.site_key, "client_id": str(uuid4())}
        opened = self.until_acknowledged("conversations", said)
        self.token, self.conversation = opened["token"], opened["id"]
        for body in self.bodies:
            said = {"client_id": str(uuid4()), "body": body}
            path = f"conversations/{self.conversation}/messages"
            self.answers.append(self.until_acknowledged(path, said))
            time.sleep(0.2)

    def until_acknowledged(self, path, said):
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            try:
                answer = self.call("POST", path, json=said)
            except requests.RequestException:
                answer = None
            if answer is not None and answer.status_code == 201:
                return answer.json()
            assert answer is None or answer.status_code in (429, 502, 503), answer.text
            time.sleep(0.2)
        raise AssertionError(f"{path} was never acknowledged")

    def call(self, method, path, **options):
        headers = {"Origin": f"https://{self.tenant.domain}"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        address = f"{self.url}/widget/v1/{path}"
        return requests.request(method, address, headers=headers, timeout=5, **options)


@pytest.mark.timeout(240)
def test_no_message_is_lost_or_doubled_whatever_is_killed(tree, acme, inside):  # noqa: F811
    seed = int(os.environ.get("CANDOR_KILL_SEED", str(random.randrange(10**6))))
    print(f"seed {seed}")
    chance = random.Random(seed)
    with inside(acme):
        ChatSettings.of(acme.site_id).change(db.session.get_one(Site, acme.site_id), on=True)
        db.session.commit()
    writers = [Writer(tree.url, acme, number) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    for name in chance.sample(KILLS, len(KILLS)):
        time.sleep(chance.uniform(0.3, 1.5))
        kill_one(tree, name, chance)
    for writer in writers:
        writer.join(120)
        assert not writer.is_alive()
        read = writer.call("GET", f"conversations/{writer.conversation}/messages").json()
        assert [each["body"] for each in read["messages"]] == writer.bodies
        assert [each["seq"] for each in read["messages"]] == list(range(1, MESSAGES + 1))
        assert [each["seq"] for each in writer.answers] == list(range(1, MESSAGES + 1))
