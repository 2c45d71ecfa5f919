"""The only now() of the program."""

from datetime import UTC, datetime


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)


def milliseconds(moment: datetime | None = None) -> int:
    """Since 1970, of `moment` or now: how what happens on pages is timed."""
    return int((moment or now()).timestamp() * 1000)


def past(moment: datetime | None) -> datetime:
    """`moment`, or now if it lies ahead or nobody said: what happened did not happen tomorrow."""
    present = now()
    return present if moment is None or moment > present else moment


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and a Z, as every API answer writes it."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
