"""A signed-in person who asks for pages, and how long the answers take."""

from __future__ import annotations

import time

import requests

from bench.stage import PASSWORD, USER

ASKED = 60
WARM_UP = 3


def signed_in(url: str, email: str = USER, password: str = PASSWORD) -> requests.Session:
    session = requests.Session()
    page = session.get(f"{url}/sign-in", timeout=5).text
    token = page.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]
    form = {"email": email, "password": password, "csrf_token": token}
    session.post(f"{url}/sign-in", data=form, timeout=5).raise_for_status()
    return session


def slug_of(url: str, session: requests.Session) -> str:
    """Of the organization to which whoever is signed in is led."""
    return session.get(url, timeout=30).url.split("/o/")[1].split("/")[0]


def times(session: requests.Session, address: str) -> list[float]:
    """Milliseconds, sorted; the first answers warm the caches up."""
    taken = []
    for _ in range(ASKED + WARM_UP):
        started = time.perf_counter()
        answer = session.get(address, timeout=60)
        taken.append((time.perf_counter() - started) * 1000)
        assert answer.status_code == 200, (address, answer.status_code, answer.text[-300:])
    return sorted(taken[WARM_UP:])


def p95(taken: list[float]) -> float:
    return taken[int(len(taken) * 0.95)]
