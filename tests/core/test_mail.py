"""Mail by a real SMTP server and a real worker: once, in time, and with no line of its own."""

from __future__ import annotations

import dataclasses
import email
import email.policy
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import time_machine
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from sqlalchemy import select, text
from sqlalchemy.exc import ProgrammingError

from app.config import ConfigurationError, Settings
from app.core import bus, jobs, mail
from app.core.db import db, system
from app.core.mail import OutgoingMail, send, send_mail, sweep_mail
from app.wiring import create_app
from tests.core.test_outbound import self_signed
from tests.services import free_port

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SLOW = timedelta(seconds=15)  # what a busy machine may need for one step of a test


class Postbox:
    """What the server was given, and what it says to whom."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.envelopes: list[tuple[str, list[str]]] = []
        self.tls: list[bool] = []
        self.refusals: dict[str, str] = {}
        self.answer = "250 taken"
        self.on_data: Callable[[], None] = lambda: None

    async def handle_RCPT(self, _server, _session, envelope, address, _options):
        if address in self.refusals:
            return self.refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server, session, envelope):
        self.on_data()
        if self.answer.startswith("250"):
            self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.SMTP))
            self.envelopes.append((envelope.mail_from, envelope.rcpt_tos))
            self.tls.append(session.ssl is not None)
        return self.answer


@contextmanager
def serving(postbox: Postbox, port: int, **options: Any) -> Iterator[None]:
    controller = Controller(postbox, hostname="127.0.0.1", port=port, **options)
    controller.start()
    try:
        yield
    finally:
        controller.stop()


@pytest.fixture
def postbox() -> Postbox:
    return Postbox()


@pytest.fixture
def configure(app: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def change(**values: Any) -> None:
        settings = dataclasses.replace(app.extensions["candor_settings"], **values)
        monkeypatch.setitem(app.extensions, "candor_settings", settings)

    return change


@pytest.fixture
def port(configure: Callable[..., None]) -> int:
    """A port on which the program expects its mail server."""
    number = free_port()
    configure(smtp_url=f"smtp://127.0.0.1:{number}")
    return number


@pytest.fixture
def server(postbox: Postbox, port: int) -> Iterator[Postbox]:
    with serving(postbox, port):
        yield postbox


@pytest.fixture
def write(inside: Any, acme: Any) -> Callable[..., UUID]:
    """Send a mail from within Acme; answers the id of its row."""

    def commit(to: str = "dora@customer.example", subject: str = "Hello", **values: Any) -> UUID:
        with inside(acme):
            made = send(to, subject, **{"text": "Some text.", **values})
            db.session.commit()
            return made.id

    return commit


@pytest.fixture
def row(inside: Any, acme: Any) -> Callable[[UUID], OutgoingMail]:
    def read(mail_id: UUID) -> OutgoingMail:
        with inside(acme):
            found = db.session.get_one(OutgoingMail, mail_id)
            values = {
                name: getattr(found, name)
                for name in (
                    "state",
                    "attempts",
                    "next_attempt_at",
                    "last_error",
                    "sent_at",
                    "text",
                    "html",
                    "subject",
                    "recipient",
                    "created_at",
                )
            }
        return type("Row", (), values)

    return read


@pytest.fixture
def sweep(app: Any, work: Callable[[], None]) -> Callable[[], None]:
    """Run the sweep, then what it nudged."""

    def run() -> None:
        with app.app_context():
            sweep_mail()
        work()

    return run


@pytest.fixture
def clock() -> Iterator[Any]:
    with time_machine.travel(START) as moved:
        yield moved


def waiting(app: Any) -> int:
    with app.app_context():
        return sum(len(jobs.queue(name)) for name in jobs.QUEUES)


# --- Delivery -----------------------------------------------------------------------------------


def test_a_mail_is_delivered_once_with_its_headers(server, write, work, sweep, row):
    mail_id = write(
        to="Dora D. <dora@customer.example>",
        subject="Grüße",
        html="<p>Häuser</p>",
        text="Häuser\n.\nEnd",
    )
    assert server.mails == []
    work()
    sweep()
    assert len(server.mails) == 1
    mail = server.mails[0]
    assert server.envelopes == [("noreply@candor.test", ["dora@customer.example"])]
    assert mail["From"] == "Candor <noreply@candor.test>"
    assert mail["To"].addresses[0].display_name == "Dora D."
    assert mail["To"].addresses[0].addr_spec == "dora@customer.example"
    assert mail["Subject"] == "Grüße"
    assert mail["Message-ID"] == f"<{mail_id}@candor.test>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"].datetime == row(mail_id).created_at.replace(microsecond=0)
    assert mail.get_body(("plain",)).get_content().splitlines() == ["Häuser", ".", "End"]
    assert mail.get_body(("html",)).get_content().strip() == "<p>Häuser</p>"
    found = row(mail_id)
    assert (found.state, found.attempts, found.next_attempt_at) == ("sent", 1, None)
    assert found.sent_at is not None


def test_a_mail_without_html_has_one_part_of_seven_bit_lines(server, write, work):
    write(text="Häuser\n" * 20)
    work()
    assert server.mails[0].get_content_type() == "text/plain"
    assert server.mails[0].get_content().split() == ["Häuser"] * 20
    assert server.mails[0]["Content-Transfer-Encoding"] in ("base64", "quoted-printable")


def test_a_mail_of_a_transaction_that_is_undone_is_never_sent(server, inside, acme, work, app):
    with inside(acme):
        send("dora@customer.example", "Hello", "Text")
        db.session.rollback()
    assert waiting(app) == 0
    work()
    assert server.mails == []


def test_the_sender_is_a_setting(server, configure, write, work):
    configure(mail_from='"Acme, Shop" <post@acme.example>')
    mail_id = write()
    work()
    assert server.mails[0]["From"].addresses[0].addr_spec == "post@acme.example"
    assert server.mails[0]["Message-ID"] == f"<{mail_id}@acme.example>"


def test_an_international_domain_is_written_so_that_each_server_knows_it(server, write, work):
    write(to="dora@bücher.example")
    work()
    assert server.envelopes[0][1] == ["dora@xn--bcher-kva.example"]


def test_ten_nudges_for_one_mail_send_it_once(server, write, work, inside, acme):
    mail_id = write()
    with inside(acme):
        for _ in range(9):
            send_mail.nudge(str(acme.id), {"mail_id": str(mail_id)})
    work()
    assert len(server.mails) == 1


def test_no_transaction_is_open_while_the_server_takes_its_time(app, server, write, work, acme):
    """Another connection can write the same row at that moment, and sees the claim."""
    seen: list[Any] = []

    def write_meanwhile() -> None:
        engine = app.extensions["candor_system"]
        with app.app_context():
            pool = db.engine.pool
            seen.append(pool.checkedout())
        with engine.connect() as connection:
            seen.append(connection.execute(select(OutgoingMail.attempts)).scalar())

    server.on_data = write_meanwhile
    write()
    work()
    assert seen == [0, 1]
    assert len(server.mails) == 1


def test_a_goodbye_that_fails_does_not_send_it_again(server, write, work, row, monkeypatch):
    def fail(_self: Any) -> None:
        raise smtplib.SMTPServerDisconnected("gone")

    monkeypatch.setattr(smtplib.SMTP, "quit", fail)
    mail_id = write()
    work()
    assert row(mail_id).state == "sent"


# --- When it does not work ----------------------------------------------------------------------


def test_a_lost_nudge_is_made_up_for_by_the_sweep(app, server, write, sweep):
    write()
    with app.app_context():
        bus.redis().flushall()
    sweep()
    assert len(server.mails) == 1


def test_a_server_that_was_down_gets_the_mail_from_the_sweep(
    clock, postbox, port, write, work, sweep, row
):
    mail_id = write()
    work()
    found = row(mail_id)
    assert (found.state, found.attempts) == ("pending", 1)
    assert found.next_attempt_at - START - timedelta(minutes=1) < SLOW
    assert "cannot be reached" in found.last_error
    with serving(postbox, port):
        clock.move_to(found.next_attempt_at - SLOW)
        sweep()
        assert postbox.mails == []
        clock.move_to(found.next_attempt_at)
        sweep()
        sweep()
    assert len(postbox.mails) == 1
    found = row(mail_id)
    assert (found.state, found.attempts, found.last_error) == ("sent", 2, None)


def test_the_pauses_grow_and_then_it_has_failed(clock, port, write, work, sweep, row):
    mail_id = write()
    work()
    tried_at = START
    for attempt, pause in enumerate([60, 300, 1800, 7200], start=1):
        found = row(mail_id)
        assert found.attempts == attempt
        assert timedelta() <= found.next_attempt_at - tried_at - timedelta(seconds=pause) < SLOW
        clock.move_to(found.next_attempt_at - SLOW)
        sweep()
        assert row(mail_id).attempts == attempt
        tried_at = found.next_attempt_at
        clock.move_to(tried_at)
        sweep()
    assert (row(mail_id).state, row(mail_id).attempts) == ("failed", 5)
    clock.shift(timedelta(days=1))
    sweep()
    assert row(mail_id).attempts == 5


def test_a_silent_server_is_tried_by_one_mail_and_not_by_all(clock, port, write, work, sweep, row):
    mail_ids = [write() for _ in range(5)]
    work()
    assert sorted(row(each).attempts for each in mail_ids) == [0, 0, 0, 0, 1]
    clock.shift(timedelta(seconds=31))
    sweep()
    assert sorted(row(each).attempts for each in mail_ids) == [0, 0, 0, 1, 1]


@pytest.mark.parametrize("answer", ["550 5.1.1 <dora@customer.example>: unknown", "553 no"])
def test_a_recipient_that_is_refused_has_failed_at_once(server, write, work, row, answer, app):
    server.refusals["dora@customer.example"] = answer
    mail_id, other = write(), write(to="emil@customer.example")
    work()
    found = row(mail_id)
    assert (found.state, found.attempts, found.next_attempt_at) == ("failed", 1, None)
    assert answer[:3] in found.last_error
    assert row(other).state == "sent"


def test_a_content_that_is_refused_has_failed_at_once(server, write, work, row):
    server.answer = "554 looks like spam"
    mail_id = write()
    work()
    assert row(mail_id).state == "failed"
    assert row(mail_id).last_error == "The mail server answered 554 looks like spam"


@pytest.mark.parametrize("answer", ["451 try later", "452 full"])
def test_a_refusal_for_now_is_tried_again(clock, server, write, work, sweep, row, answer):
    server.answer = answer
    mail_id = write()
    work()
    assert (row(mail_id).state, server.mails) == ("pending", [])
    server.answer = "250 taken"
    clock.shift(timedelta(seconds=61))
    sweep()
    assert (row(mail_id).state, len(server.mails)) == ("sent", 1)


def test_a_worker_that_died_in_the_middle_is_made_up_for(
    clock, server, write, app, inside, acme, sweep, work, row
):
    mail_id = write()
    with inside(acme):
        assert db.session.get_one(OutgoingMail, mail_id).claim()
        db.session.commit()
    work()
    assert server.mails == [], "the nudge came while somebody else was sending"
    clock.move_to(row(mail_id).next_attempt_at - SLOW)
    sweep()
    assert server.mails == []
    clock.move_to(row(mail_id).next_attempt_at)
    sweep()
    assert len(server.mails) == 1
    assert server.mails[0]["Message-ID"] == f"<{mail_id}@candor.test>"


def test_a_mail_that_breaks_each_worker_is_set_aside(
    clock, server, write, work, sweep, row, monkeypatch
):
    def die(*_: object) -> None:
        raise RuntimeError("out of memory")

    poison = write(to="poison@customer.example")
    monkeypatch.setattr(mail, "deliver", die)
    work()
    for _ in range(7):
        clock.shift(timedelta(seconds=91))
        sweep()
    assert row(poison).state == "failed"


def test_production_without_a_server_fails_in_the_end_and_keeps_nothing(
    configure, clock, write, work, row
):
    configure(env="production")
    mail_id = write()
    work()
    assert row(mail_id).state == "pending"
    assert "SMTP_URL" in row(mail_id).last_error


# --- TLS and sign-in at the server --------------------------------------------------------------


@pytest.fixture
def strict(postbox: Postbox, port: int, tmp_path: Path) -> Iterator[list[Any]]:
    """A server that wants TLS, a name and a password; answers the passwords it was told."""
    _path, context = self_signed("localhost", tmp_path)
    told: list[Any] = []

    def authenticate(_server, _session, _envelope, _mechanism, data):
        told.append((data.login, data.password))
        return AuthResult(success=data.password == b"p@ss")

    options = {"tls_context": context, "authenticator": authenticate}
    with serving(
        postbox, port, **options, require_starttls=True, auth_require_tls=True, auth_required=True
    ):
        yield told


@pytest.mark.parametrize("query", ["", "?tls=starttls"])
def test_a_password_is_told_after_starttls(
    strict, postbox, port, configure, tmp_path, write, work, row, monkeypatch, query
):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "localhost.pem"))
    configure(smtp_url=f"smtp://user:p%40ss@localhost:{port}{query}")
    mail_id = write()
    work()
    assert row(mail_id).state == "sent", row(mail_id).last_error
    assert strict == [(b"user", b"p@ss")]
    assert postbox.tls == [True]


def test_a_server_nobody_vouches_for_is_told_nothing(
    strict, postbox, port, configure, write, work, row
):
    configure(smtp_url=f"smtp://user:p%40ss@localhost:{port}")
    mail_id = write()
    work()
    assert "certificate" in row(mail_id).last_error
    assert (strict, postbox.mails) == ([], [])


def test_a_server_without_starttls_is_told_nothing(server, port, configure, write, work, row):
    configure(smtp_url=f"smtp://user:p%40ss@localhost:{port}")
    mail_id = write()
    work()
    assert (row(mail_id).state, server.mails) == ("pending", [])
    assert "STARTTLS" in row(mail_id).last_error


def test_smtps_is_tls_from_the_first_byte(
    postbox, port, configure, tmp_path, write, work, row, monkeypatch
):
    path, context = self_signed("localhost", tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    configure(smtp_url=f"smtps://localhost:{port}")
    monkeypatch.setattr(Controller, "_trigger_server", trigger_tls)
    with serving(postbox, port, ssl_context=context):
        mail_id = write()
        work()
    assert row(mail_id).state == "sent", row(mail_id).last_error
    assert postbox.mails


def trigger_tls(controller: Controller) -> None:
    """The controller's own first call does not accept a certificate for `localhost`."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    plain = socket.create_connection((controller.hostname, controller.port), 2)
    with context.wrap_socket(plain) as connection:
        connection.recv(1)


@pytest.mark.parametrize(
    "values",
    [
        {"SMTP_URL": "http://mail.example"},
        {"SMTP_URL": "smtp://"},
        {"SMTP_URL": "smtp://user:a#b@mail.example"},
        {"SMTP_URL": "smtp://mail.example?tls=maybe"},
        {"SMTP_URL": "smtp://mail.example:99999"},
        {"MAIL_FROM": "nobody"},
        {"MAIL_FROM": "Name <a@b"},
        {"MAIL_FROM": "a@b\r\nBcc: c@d"},
    ],
)
def test_a_setting_that_cannot_work_is_named_at_start(environ, values):
    with pytest.raises(ConfigurationError, match=next(iter(values))):
        Settings.from_environment({**environ, **values})


# --- Hostile words ------------------------------------------------------------------------------

INJECTIONS = [
    "Hi\r\nBcc: evil@evil.example",
    "Hi\nBcc: evil@evil.example",
    "Hi\rBcc: evil@evil.example",
    "Hi\r\n\r\nBcc: evil@evil.example",
    "Hi\u2028Bcc: evil@evil.example",
    "Hi\x0bBcc: evil@evil.example\x0c\x1c\x85",
    "Hi\x00Bcc: evil@evil.example",
    "=?utf-8?q?Hi=0D=0ABcc:_evil@evil.example?=",
    "=?utf-8?b?SGkNCkJjYzogZXZpbEBldmlsLmV4YW1wbGU=?=",
    "Hi \ud800 there",
    "Hi" * 5000,
    "ü, evil@evil.example, " * 30,
]


@pytest.mark.parametrize("hostile", INJECTIONS, ids=lambda text: ascii(text)[:40])
def test_no_subject_and_no_name_makes_a_second_header(server, write, work, row, hostile):
    write(subject=hostile)
    write(to=f"{hostile.replace('<', '')} <dora@customer.example>")
    write(to=f'"{hostile}" <dora@customer.example>')
    work()
    assert len(server.mails) == 3
    assert {tuple(to) for _sender, to in server.envelopes} == {("dora@customer.example",)}
    for message in server.mails:
        assert set(message.keys()) == {
            "From",
            "To",
            "Subject",
            "Date",
            "Message-ID",
            "Auto-Submitted",
            "MIME-Version",
            "Content-Type",
            "Content-Transfer-Encoding",
        }
        assert [each.addr_spec for each in message["To"].addresses] == ["dora@customer.example"]
        assert message.get_content().strip() == "Some text."


@pytest.mark.parametrize(
    "to",
    ["", "dora", "dora@", "@customer.example", "a@b@c.example", "dora@customer.example, evil@x",
     "dora@customer.example\r\nBcc: e@x", "<dora@customer.example", "dora@customer.example>",
     "a b@customer.example", "dora@customer.example\x00", "dora@a..b", "N <a@b> <c@d>",
     "x" * 300 + "@customer.example", "dora@" + "x" * 64 + ".example"],
)  # fmt: skip
def test_what_is_no_address_is_refused_when_it_is_written(server, inside, acme, to):
    with inside(acme), pytest.raises(ValueError, match="not a mail address"):
        send(to, "Hello", "Text")


def test_a_body_cannot_end_the_mail(server, write, work):
    write(text="One\r\n.\r\nMAIL FROM:<evil@evil.example>\r\nTwo \ud800")
    work()
    assert len(server.mails) == 1
    assert "Two" in server.mails[0].get_content()


# --- At rest ------------------------------------------------------------------------------------


def test_nothing_personal_is_readable_in_the_table(app, server, write, work, inside, acme):
    server.refusals["dora@customer.example"] = "550 dora@customer.example is gone"
    write(subject="Subject-marker", text="Text-marker", html="Html-marker")
    work()
    with inside(acme):
        stored = repr(
            [list(each) for each in db.session.execute(text("SELECT * FROM outgoing_mail"))]
        )
    assert "failed" in stored
    for marker in ("dora", "Subject-marker", "Text-marker", "Html-marker", "gone"):
        assert marker not in stored


def test_bodies_are_erased_thirty_days_after_sending(clock, server, write, work, sweep, row):
    sent = write(html="<p>Hello</p>")
    work()
    server.refusals["dora@customer.example"] = "550 gone"
    failed = write()
    work()
    clock.move_to(START + timedelta(days=30) - SLOW)
    young = write(to="emil@customer.example")
    sweep()
    assert (row(sent).text, row(sent).html) == ("Some text.", "<p>Hello</p>")
    clock.move_to(START + timedelta(days=30) + SLOW)
    sweep()
    assert (row(sent).state, row(sent).text, row(sent).html) == ("sent", None, None)
    assert (row(failed).state, row(failed).text, row(failed).last_error) == ("failed", None, None)
    assert row(young).text == "Some text."


def test_another_organization_cannot_see_or_send_it(app, server, write, work, inside, umbrella):
    mail_id = write()
    with app.app_context():
        bus.redis().flushall()
    with inside(umbrella):
        assert db.session.get(OutgoingMail, mail_id) is None
        send_mail.nudge(str(umbrella.id), {"mail_id": str(mail_id)})
    work()
    assert server.mails == []


def test_the_sweep_serves_every_organization(app, server, inside, acme, umbrella, sweep):
    for tenant in (acme, umbrella):
        with inside(tenant):
            send(f"dora@{tenant.domain}", "Hello", "Text")
            db.session.commit()
    with app.app_context():
        bus.redis().flushall()
    sweep()
    assert {to[0] for _sender, to in server.envelopes} == {
        f"dora@{acme.domain}",
        f"dora@{umbrella.domain}",
    }


def test_the_system_connection_may_read_mail_and_not_change_it(app, write, row):
    if app.extensions["candor_settings"].sqlite:
        pytest.skip("SQLite has no roles")
    with app.app_context(), pytest.raises(ProgrammingError), system() as connection:
        connection.execute(text("UPDATE outgoing_mail SET state = 'sent'"))


# --- /dev/mail ----------------------------------------------------------------------------------


def test_without_a_server_mail_is_kept_and_shown(app, client, write, work, row):
    mail_id = write(
        to="Dora <dora@customer.example>",
        subject="Re: <script>alert(1)</script>",
        text="Open http://candor.test/reset/abc {{ 7 * 7 }}",
        html="<b onclick=x()>Bold</b>",
    )
    assert waiting(app) == 0
    assert row(mail_id).state == "kept"
    page = client.get("/dev/mail")
    assert page.status_code == 200
    assert "dora@customer.example" in page.text
    assert "&lt;script&gt;" in page.text
    assert "<script>alert" not in page.text
    assert f"/dev/mail/{mail_id}" in page.text
    one = client.get(f"/dev/mail/{mail_id}")
    assert "Open http://candor.test/reset/abc {{ 7 * 7 }}" in one.text
    assert "&lt;b onclick=x()&gt;Bold&lt;/b&gt;" in one.text
    assert one.headers["Cache-Control"] == "no-store"


def test_kept_mail_loses_its_body_as_well(clock, client, write, sweep, row):
    mail_id = write()
    clock.shift(timedelta(days=31))
    sweep()
    assert row(mail_id).text is None
    assert "(erased)" in client.get(f"/dev/mail/{mail_id}").text


def test_mail_that_was_meant_to_be_sent_is_not_shown(server, client, write, work):
    mail_id = write()
    work()
    assert str(mail_id) not in client.get("/dev/mail").text
    assert client.get(f"/dev/mail/{mail_id}").status_code == 404


@pytest.mark.parametrize(
    "options",
    [
        {"environ_base": {"REMOTE_ADDR": "203.0.113.9"}},
        {"environ_base": {"REMOTE_ADDR": "10.0.0.1"}},
        {"headers": {"Host": "rebind.example"}},
        {"headers": {"Host": "candor.test:8000"}},
        {"headers": {"X-Forwarded-For": "203.0.113.9"}},
        {"headers": {"Forwarded": "for=203.0.113.9"}},
        {"headers": {"X-Real-IP": "203.0.113.9"}},
    ],
)
def test_nobody_on_another_machine_sees_kept_mail(client, write, options):
    mail_id = write()
    assert client.get("/dev/mail", **options).status_code == 404
    assert client.get(f"/dev/mail/{mail_id}", **options).status_code == 404


def test_production_has_no_page_of_mail(environ, app, write):
    mail_id = write()
    production = create_app(Settings.from_environment({**environ, "CANDOR_ENV": "production"}))
    client = production.test_client()
    assert client.get("/dev/mail").status_code == 404
    assert client.get(f"/dev/mail/{mail_id}").status_code == 404
    assert not [rule for rule in production.url_map.iter_rules() if rule.rule.startswith("/dev")]
