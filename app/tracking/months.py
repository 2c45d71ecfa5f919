"""Postgres keeps the events of each month in a partition of its own: `keep_months` makes those to
come, and drops those that are over once nothing is left in them."""

from __future__ import annotations

import structlog

from app.core import sql
from app.core.db import system

log = structlog.get_logger()


def keep_months() -> None:
    """What is busy now is tried again at the next turn: there are months to spare."""
    with system() as connection:
        done = sql.keep_months(connection)
    for partition, outcome in done:
        # It works, and goes on like this until somebody moves them: see docs/retention.md.
        say = log.error if outcome == "crowded" else log.info
        say("month_of_events", partition=partition, outcome=outcome)
