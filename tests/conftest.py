"""One cast for all tests: Alice owns Acme, Bob edits for it, Vera only looks, Charlie is a stranger
who owns Umbrella. Everything they have was made by the verbs that the program itself uses."""

from __future__ import annotations

import os
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from argon2 import PasswordHasher
from sqlalchemy import text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError

from app.accounts.models import ApiKey, Member, Organization, User, user
from app.accounts.permissions import Role
from app.analytics import shared_views
from app.config import Settings
from app.core import bus, migrations, tenancy, worker
from app.core.db import Base, create_engine, db
from app.embed import published
from app.proof import opt_out_views
from app.sites.models import Site
from app.sources import hooks
from app.sources.models import Source
from app.tracking import identity
from app.wiring import create_app
from tests import shapes  # noqa: F401 (each test checks what it tells the outside)
from tests.services import (
    CHROMIUM_FLAGS,
    Program,
    chromium,
    headless_shell,
    running_postgres,
    running_valkey,
)

PASSWORD = "correct horse battery"
KINDS = ("sqlite", "postgres")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What touches no database runs once, with SQLite."""
    if database() == "postgres":
        without = [item for item in items if "environ" not in item.fixturenames]  # type: ignore[attr-defined]
        config.hook.pytest_deselected(items=without)
        items[:] = [item for item in items if item not in set(without)]


def database() -> str:
    kind = os.environ.get("CANDOR_TEST_DATABASE", "sqlite")
    assert kind in KINDS, f"CANDOR_TEST_DATABASE is one of {KINDS}"
    return kind


@pytest.fixture(scope="session")
def environ() -> Iterator[dict[str, str]]:
    """The environment of the program under test: its own data, Valkey and database."""
    kind = database()
    with tempfile.TemporaryDirectory(prefix="candor-") as folder:
        data = Path(folder)
        values = {
            "CANDOR_DATA": folder,
            "CANDOR_URL": "http://candor.test",
            "SECRET_KEY": secrets.token_urlsafe(48),
            "ENCRYPTION_KEYS": "t1:" + "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=",
            "CANDOR_ENV": "development",
        }
        with running_valkey(data) as redis_url:
            values["REDIS_URL"] = redis_url
            if kind == "sqlite":
                yield values
            else:
                with running_postgres() as url:
                    _hurry(url)
                    yield {**values, "DATABASE_URL": url}


def _hurry(url: str) -> None:
    """It need not survive that the machine stops. And what each test deletes stays where it was, so
    that rows which nobody sorts come as they were written."""
    with psycopg.connect(url, autocommit=True) as connection:
        for setting in ("fsync", "autovacuum"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")


@pytest.fixture(autouse=True)
def quick_passwords(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes that cost nothing, but where their time is looked at: each tenant has an owner, and
    what his hash costs is a quarter of what all tests do."""
    if "slow_passwords" not in request.fixturenames:
        quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        monkeypatch.setattr(user, "_hasher", quick)
    user._nobody.cache_clear()


@pytest.fixture
def slow_passwords() -> None:
    """Hashes as the program makes them."""


@pytest.fixture(scope="session")
def _app(environ: dict[str, str]) -> Any:
    app = create_app(Settings.from_environment(environ))
    app.testing = False
    with app.app_context():
        migrations.migrate()
    return app


@pytest.fixture
def app(_app: Any) -> Iterator[Any]:
    """The application with an empty database, empty Redis and empty caches. No context is pushed:
    each request and each `inside` has its own, as in the program."""
    tenancy.leave()
    yield _app
    tenancy.leave()
    with _app.app_context():
        _empty(_app)


def disconnect(app: Any) -> None:
    """Close the connections of an application, which otherwise outlast it."""
    names = ("candor_system", "candor_reader", "candor_bulk")
    with app.app_context():
        db.session.remove()
        for engine in (db.engine, *(app.extensions[each] for each in names)):
            engine.dispose()


def _empty(app: Any) -> None:
    owner = create_engine(app.extensions["candor_settings"], role=None)
    for attempts_left in reversed(range(5)):
        try:
            _empty_tables(owner)
            break
        except OperationalError:
            # The program may still read for a page that was just closed, and the two wait for each
            # other: Postgres ends one of them.
            if not attempts_left:
                raise
    owner.dispose()
    bus.redis().flushall()
    published.forget("", None)
    identity.forget_cached_salts()
    hooks.refused_kept.reset()
    for rates in app.extensions["candor_event_rates"]:
        rates.reset()
    opt_out_views.asked.reset()
    shared_views.asked.reset()
    app.extensions["candor_settings"].chain_heads.unlink(missing_ok=True)


def _empty_tables(owner: Engine) -> None:
    """Of so many tables few have rows: to truncate all takes longer than most tests."""
    # Numbers are never given twice, so that what a test left under way is of no other test.
    tables = reversed(Base.metadata.sorted_tables)
    names = [table.name for table in tables if table.name != "site_numbers"]
    filled = ", ".join(f"EXISTS (SELECT 1 FROM {name})" for name in names)
    with owner.begin() as connection:
        found = connection.execute(text(f"SELECT {filled}")).one()
        for name in (name for name, has_rows in zip(names, found, strict=True) if has_rows):
            connection.execute(text(f"DELETE FROM {name}"))


@dataclass
class Tenant:
    """An organization with one site, one shop and one key, as plain values."""

    id: Any
    slug: str
    site_id: Any
    site_key: str
    source_id: Any
    secret: str
    key: str
    domain: str

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


def found(name: str, owner: str, domain: str) -> Tenant:
    """An organization made as the program makes it."""
    user = User.register(email=owner, name=owner.split("@")[0].title(), password=PASSWORD)
    user.verify_email()
    db.session.commit()
    organization = Organization.found(name)
    Member.join(user, Role.OWNER)
    site = Site.create(name=f"{name} shop", domains=[domain])
    source = Source.connect(site, "shopify", f"{name} on Shopify")
    _key, key = ApiKey.issue("Everything", ["*"])
    db.session.commit()
    made = Tenant(
        organization.id,
        organization.slug,
        site.id,
        site.key,
        source.id,
        source.secret or "",
        key,
        domain,
    )
    tenancy.enter()
    return made


@pytest.fixture
def acme(app: Any) -> Tenant:
    with app.app_context():
        return found("Acme", "alice@acme.example", "shop.acme.example")


@pytest.fixture
def umbrella(app: Any) -> Tenant:
    with app.app_context():
        return found("Umbrella", "charlie@umbrella.example", "umbrella.example")


@pytest.fixture
def inside(app: Any) -> Callable[[Tenant], Any]:
    """`with inside(acme):` is a job's surroundings: an application context and one tenant."""

    @contextmanager
    def enter(tenant: Tenant) -> Iterator[None]:
        with app.app_context(), tenancy.scope(tenant.id):
            yield

    return enter


@pytest.fixture
def join(app: Any, acme: Tenant) -> Callable[[str, Role], None]:
    """Add a member to Acme: `join("bob@acme.example", Role.EDITOR)`."""

    def add(email: str, role: Role) -> None:
        name = email.split("@")[0].title()
        with app.app_context(), tenancy.scope(acme.id):
            user = User.register(email=email, name=name, password=PASSWORD)
            user.verify_email()
            Member.join(user, role)
            db.session.commit()

    return add


@pytest.fixture
def client_with(app: Any, environ: dict[str, str]) -> Iterator[Callable[..., Any]]:
    """`client_with(NAME=…)` is a client of another application, with these settings besides."""
    started = []

    def start(**settings: str) -> Any:
        started.append(create_app(Settings.from_environment({**environ, **settings})))
        return started[-1].test_client()

    yield start
    for each in started:
        disconnect(each)


@pytest.fixture
def client(app: Any) -> Any:
    return app.test_client()


@pytest.fixture
def eventually() -> Callable[..., Any]:
    """What `read()` answers once it is `good`; the last answer when it never is."""

    def wait(read: Callable[[], Any], good: Callable[[Any], bool], seconds: float = 10) -> Any:
        deadline = time.monotonic() + seconds
        while not good(found := read()) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert good(found), found
        return found

    return wait


class Browser:
    """A signed-in test client that sends the CSRF token with each form."""

    def __init__(self, app: Any, email: str, password: str = PASSWORD) -> None:
        self.client = app.test_client()
        answer = self.post("/sign-in", {"email": email, "password": password}, page="/sign-in")
        assert answer.status_code == 302, answer.text

    def get(self, path: str, **options: Any) -> Any:
        return self.client.get(path, **options)

    def post(self, path: str, data: dict[str, Any] | None = None, page: str | None = None) -> Any:
        token = self.token(page or "/sign-in")
        return self.client.post(path, data={**(data or {}), "csrf_token": token})

    def token(self, page: str) -> str:
        body = self.client.get(page).text
        marker = 'name="csrf_token"'
        assert marker in body, f"no form on {page}"
        tag = body[body.index(marker) - 60 : body.index(marker) + 200]
        return tag.split('value="')[1].split('"')[0]


@pytest.fixture
def sign_in(app: Any) -> Callable[[str], Browser]:
    return lambda email: Browser(app, email)


@pytest.fixture
def work(app: Any) -> Callable[[], None]:
    """Do the jobs that are waiting, with a real RQ worker over the real Redis."""

    return lambda: worker.run(app, burst=True)


@pytest.fixture(scope="session")
def _program(_app: Any, environ: dict[str, str]) -> Iterator[Program]:
    # Queues of its own (publish and subscribe are shared by all of Redis' databases), or its worker
    # would take the jobs of tests that do them themselves.
    running = Program({**environ, "REDIS_URL": environ["REDIS_URL"] + "?db=1"})
    yield running
    running.stop()


@pytest.fixture
def program(app: Any, _program: Program) -> Program:
    """web and worker as real processes on the same database and Redis as the test. Started once;
    what a test has killed is started again for the next."""
    for name in ("web", "worker"):
        if name not in _program.processes or _program.processes[name].poll() is not None:
            _program.start(name)
    _program.wait()
    return _program


@pytest.fixture(scope="session")
def _playwright() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def browser(_playwright: Any) -> Iterator[Any]:
    """A real Chromium, without windows where there is one."""
    yield from _launched(_playwright, headless_shell() or chromium())


@pytest.fixture(scope="session")
def windowed(_playwright: Any) -> Iterator[Any]:
    """A real Chromium that knows which of its tabs is looked at."""
    yield from _launched(_playwright, chromium())


def _launched(playwright: Any, path: str | None) -> Iterator[Any]:
    started = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
    yield started
    started.close()
