"""The `candor` command. Each part imports what it needs and no more: the parent of `candor up`
and the cron process load neither Flask nor the application."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from app.config import ConfigurationError, read_settings

ROOT = Path(__file__).parents[1]

Run = Callable[[argparse.Namespace], int]


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    os.chdir(ROOT)
    try:
        return options.run(options)
    except ConfigurationError as error:
        print(f"candor: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="candor", description="Run and look after Candor.")
    commands = parser.add_subparsers(required=True, metavar="command")

    def add(name: str, run: Run, text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        return command

    for name, run, text in (
        ("up", up, "everything on one machine: Valkey, migrations, web, worker, cron"),
        ("web", web, "the web server alone (gunicorn)"),
    ):
        command = add(name, run, text)
        command.add_argument("--host", default="127.0.0.1", help="address to listen on")
        command.add_argument("--port", type=int, default=8000, help="port to listen on")
        if name == "up":
            command.add_argument("--demo", action="store_true", help="with demo data at first")
    add("worker", worker, "one job worker alone")
    add("cron", cron, "the clock that enqueues periodic jobs")
    command = add("migrate", migrate, "bring the database to the current schema")
    command.add_argument("--demo", action="store_true", help="with demo data in an empty one")
    add("check-migrations", check_migrations, "fail if the models say more than the migrations")
    command = add("demo", demo, "create the demo organization and its shop at /demo")
    command.add_argument(
        "--events", type=_number, metavar="N", help="have N events of the last 30 days in it"
    )
    command.add_argument("--seed", type=int, help="of these events: the same one, the same events")
    add("rebuild-rollups", rebuild_rollups, "add up all days of all sites anew")
    command = add("restore-archive", restore_archive, "put the raw rows of an archive back")
    command.add_argument("id", type=UUID, help="as the page of archives says it")
    add("verify-audit", verify_audit, "check the chains of audit and receipts")
    command = add("bootstrap", bootstrap, "create organization, owner, site and API key")
    for option in ("organization", "email", "password", "domain"):
        command.add_argument(f"--{option}", required=True)
    command.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def up(options: argparse.Namespace) -> int:
    from app.core.tree import run_tree

    return run_tree(options.host, options.port, read_settings(), demo=options.demo)


def web(options: argparse.Namespace) -> int:
    from app.core.tree import prepare_metrics, web_command

    prepare_metrics(read_settings().data)
    command = web_command(options.host, options.port)
    os.execv(command[0], command)  # noqa: S606


def worker(_options: argparse.Namespace) -> int:
    import worker as program

    program.main()
    return 0


def cron(_options: argparse.Namespace) -> int:
    from app.core.cron import run

    run(read_settings().redis_url)
    return 0


def migrate(options: argparse.Namespace) -> int:
    from app import create_app
    from app.accounts.queries import any_organization, organization_id_of
    from app.core.migrations import migrate as run
    from app.dashboard.demo_data import SLUG

    with create_app().app_context():
        run()
        if options.demo and (not any_organization() or organization_id_of(SLUG)):
            _show_demo()
            print("Your own organization begins at the address below, beside the demo.")
            print("To start without it: make up DEMO=0")
    return 0


def check_migrations(_options: argparse.Namespace) -> int:
    from app import create_app
    from app.core.migrations import check_drift

    with create_app().app_context():
        check_drift()
    return 0


def demo(options: argparse.Namespace) -> int:
    from app import create_app

    with create_app().app_context():
        _show_demo(options.events, options.seed)
    return 0


def _show_demo(events: int | None = None, seed: int | None = None) -> None:
    """Make the demo unless it is there. A new one has some events, an old one only more of them
    when asked."""
    from app.core import logs
    from app.dashboard.demo_data import EMAIL, PASSWORD, create_demo, have_events, have_talks
    from app.dashboard.demo_events import DEFAULT, SEED

    logs.configure()
    created = create_demo()
    print("The demo is ready." if created else "The demo was there already.")
    if created or events is not None:
        # What is loaded stays: to look through it over and over took a quarter of the time.
        gc.freeze()
        added = have_events(DEFAULT if events is None else events, SEED if seed is None else seed)
        print(f"{added:,} events of the last 30 days added.")
        if created:
            have_talks()
    print(f"Sign in as {EMAIL} with the password: {PASSWORD}")


def _number(text: str) -> int:
    from app.dashboard.demo_events import MOST

    if not (text.isascii() and text.isdigit() and int(text[:12]) <= MOST):
        raise argparse.ArgumentTypeError(f"a number up to {MOST:,}")
    return int(text)


def bootstrap(options: argparse.Namespace) -> int:
    from app import create_app
    from app.dashboard.bootstrap import Invalid, create, report

    with create_app().app_context():
        try:
            made = create(options.organization, options.email, options.password, options.domain)
        except Invalid as error:
            print(f"candor: {error}", file=sys.stderr)
            return 1
    print(report(made, as_json=options.json))
    return 0


def rebuild_rollups(_options: argparse.Namespace) -> int:
    from app import create_app
    from app.dashboard.rebuilding import rebuild_all

    failed = 0
    with create_app().app_context():
        for name, days in rebuild_all():
            if days is None:
                print(f"candor: {name} could not be added up; see the log.", file=sys.stderr)
                failed += 1
            else:
                print(f"{name}: {days} days")
    return 1 if failed else 0


def restore_archive(options: argparse.Namespace) -> int:
    from app import create_app
    from app.analytics.archives import Unusable
    from app.analytics.restoring import Unknown, restore

    with create_app().app_context():
        try:
            restored = restore(options.id)
        except Unknown:
            print("candor: there is no archive with this id.", file=sys.stderr)
            return 1
        except Unusable as error:
            print(f"candor: nothing was restored. {error}", file=sys.stderr)
            return 1
    print(
        f"{restored.site}: {restored.events:,} events and {restored.sessions:,} visits are back "
        f"until {restored.until:%Y-%m-%d %H:%M} UTC."
    )
    since = restored.whole_since
    print(f"Days from {since} on can be rebuilt." if since else "All days can be rebuilt.")
    return 0


def verify_audit(_options: argparse.Namespace) -> int:
    from app import create_app
    from app.dashboard.verification import broken_chains

    with create_app().app_context():
        broken = broken_chains()
    for line in broken:
        print(line, file=sys.stderr)
    if not broken:
        print("All chains are whole.")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
