"""Visitors' browsers that write down what was acknowledged."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from app.core.ids import uuid7

PATH = "/widget/v1/events"
HOUR = 3_600_000  # milliseconds
NAMES = ("page_view", "page_view", "engagement", "cart_add")
AGENT = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/{version}.0.0.0 Safari/537.36"
)


class Client(threading.Thread):
    """Posts single events and small batches on a connection that it keeps. What got no answer is
    sent again as it was, as a browser does."""

    def __init__(self, url: str, site_key: str, origin: str, seed: int) -> None:
        super().__init__(daemon=True)
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port
        self._site_key, self._origin = site_key, origin
        self._chance = random.Random(seed)
        self._connection: http.client.HTTPConnection | None = None
        self._over = threading.Event()
        self.sent: set[UUID] = set()
        self.acknowledged: list[UUID] = []
        self.refused: dict[str, int] = {}

    def run(self) -> None:
        while not self._over.is_set():
            events = [self._event() for _ in range(self._chance.choice((1, 1, 1, 2, 5)))]
            self.sent.update(UUID(each["id"]) for each in events)
            headers = self._headers()
            while not self._post(events, headers) and not self._over.is_set():
                time.sleep(0.05)
            time.sleep(self._chance.uniform(0, 0.004))

    def finish(self) -> None:
        self._over.set()
        self.join(30)
        assert not self.is_alive(), "a client still waits for an answer"

    def _event(self) -> dict[str, Any]:
        moment = int(time.time() * 1000)
        name = self._chance.choice(NAMES)
        # Some were made a while ago: they belong to visits that are over.
        ago = self._chance.choice((0, 0, 0, 0, HOUR, 5 * HOUR))
        return {
            "id": str(uuid7()),
            "name": name,
            "url": f"{self._origin}/{self._chance.randrange(20)}",
            "at": moment - ago,
            "props": {"active": self._chance.randrange(60_000)} if name == "engagement" else {},
        }

    def _headers(self) -> dict[str, str]:
        """A handful of visitors whom all clients share, and some who want to be nobody."""
        agent = AGENT.format(version=100 + self._chance.randrange(6))
        private = {"Sec-GPC": "1"} if self._chance.random() < 0.1 else {}
        return {"User-Agent": agent, "Origin": self._origin, **private}

    def _post(self, events: list[dict[str, Any]], headers: dict[str, str]) -> bool:
        """Whether all of them were acknowledged."""
        body = json.dumps({"site": self._site_key, "events": events})
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection(self._host, self._port, timeout=20)
            self._connection.request("POST", PATH, body, headers)
            answer = self._connection.getresponse()
            told = json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._count(type(error).__name__)
            self._hang_up()
            return False
        if answer.status != 202:
            self._count(str(answer.status))
            return False
        assert told["accepted"] + told["duplicates"] == len(events), told
        self.acknowledged += [UUID(each["id"]) for each in events]
        return True

    def _count(self, what: str) -> None:
        self.refused[what] = self.refused.get(what, 0) + 1

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
