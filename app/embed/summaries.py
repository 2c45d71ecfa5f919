"""Messages made of numbers: counted from the rows for whoever asks, once for all of them.

What a number would say below its campaign's minimum is not said at all.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy.orm import Session

from app.core import clock, tenancy
from app.core.cache import Cache
from app.core.db import reading
from app.embed.notifications import cursor_of
from app.proof import counts, wording
from app.proof.figures import period_words, tenths, whole
from app.proof.wording import WordingError
from app.sites.models import Site
from app.sites.queries import PublishedSite
from app.tracking.presence import visitors_now

LIVE = "live_visitors"
SECONDS = 20  # a period moves on also when nothing happens

Snapshot = Mapping[str, Any]
Values = Callable[[str], dict[str, str]]
AnySite = PublishedSite | Site

log = structlog.get_logger()

# By site, revision and change number; None: the campaign has nothing to say.
_kept: Cache[dict[str, dict[str, Any] | None]] = Cache("summaries", size=5000, seconds=SECONDS)
# Whoever asks while somebody counts waits for his answer instead of counting as well.
_counting = tuple(threading.Lock() for _ in range(64))


def summaries_of(site: PublishedSite) -> list[dict[str, Any]]:
    """The present summary of each published campaign that has something to say."""
    found = {**counted_summaries(site), **live_summaries(site)}
    return [each for each in found.values() if each is not None]


def live_summaries(site: PublishedSite) -> dict[str, dict[str, Any] | None]:
    """Of each published campaign that tells who is there now, which no activity changes."""
    return _summaries(site, [each for each in _campaigns(site) if each["format"] == LIVE])


def counted_summaries(site: PublishedSite) -> dict[str, dict[str, Any] | None]:
    """Of each published campaign that counts activities; None for one below its minimum."""
    campaigns = [each for each in _campaigns(site) if each["format"] != LIVE]
    if not campaigns:
        return {}
    key = (site.id, site.revision, cursor_of(site))
    with _counting[site.id.int % len(_counting)]:
        return _kept.get(key, lambda: _summaries(site, campaigns))


def summary_of(site: Site, campaign: Snapshot) -> dict[str, Any] | None:
    """What a draft would say of a site now: for the builder."""
    if campaign["format"] not in SUMMARIES:
        return None
    with reading() as session:
        return _summary(session, site, campaign)


def counted_types(campaign: Snapshot) -> frozenset[str]:
    """The types of activity that a campaign's number is made of."""
    if campaign["format"] == "rating_summary":
        return frozenset({counts.REVIEW})
    counts_types = campaign["format"] in SUMMARIES and campaign["format"] != LIVE
    return frozenset(campaign["content"]["types"] if counts_types else ())


def _campaigns(site: PublishedSite) -> list[Snapshot]:
    return [each for each in site.content["campaigns"] if each["format"] in SUMMARIES]


def _summaries(site: PublishedSite, campaigns: list[Snapshot]) -> dict[str, dict[str, Any] | None]:
    if not campaigns:
        return {}
    with tenancy.scope(site.organization_id), reading(newest=True) as session:
        return {each["id"]: _summary(session, site, each) for each in campaigns}


def _summary(session: Session, site: AnySite, campaign: Snapshot) -> dict[str, Any] | None:
    moment = clock.now()
    try:
        said = SUMMARIES[campaign["format"]](session, site, campaign["content"], moment)
    except WordingError as error:
        log.warning("summary_wording", campaign=campaign["id"], error=error.message)
        return None
    return said and {"campaign": campaign["id"], **said, "as_of": clock.iso(moment)}


def _period_count(
    session: Session, site: AnySite, content: Snapshot, moment: datetime
) -> dict[str, Any] | None:
    messages = _Messages(site, content, wording.COUNT_VARIABLES)
    since = _beginning(content["period"], moment)
    found = counts.count(session, site.id, content["types"], since)
    # Every number that is said has to reach the minimum, in whichever language it is said.
    said = [found.people] if "people" in messages.variables else []
    said += [found.activities] if "count" in messages.variables or not said else []
    if min(said) < _minimum(content):
        return None
    return messages.rendered(
        lambda language: {
            "count": whole(found.activities, language),
            "people": whole(found.people, language),
            "period": period_words(content["period"], language),
        }
    )


def _hot_streak(
    session: Session, site: AnySite, content: Snapshot, moment: datetime
) -> dict[str, Any] | None:
    messages = _Messages(site, content, wording.STREAK_VARIABLES)
    since = _beginning(content["period"], moment)
    found = counts.hottest(session, site.id, content["types"], since, _minimum(content))
    if found is None:
        return None
    return messages.rendered(
        lambda language: {
            "product": found.product,
            "count": whole(found.activities, language),
            "period": period_words(content["period"], language),
        }
    )


def _rating_summary(
    session: Session, site: AnySite, content: Snapshot, moment: datetime
) -> dict[str, Any] | None:
    messages = _Messages(site, content, wording.RATING_VARIABLES)
    period = content.get("period", "all")
    found = counts.ratings(session, site.id, _beginning(period, moment))
    if found.count < _minimum(content):
        return None
    said = messages.rendered(
        lambda language: {
            "rating": tenths(found.average, language),
            "best": whole(int(counts.BEST), language),
            "count": whole(found.count, language),
            "period": period_words(period, language),
        }
    )
    return {**said, "rating": float(found.average)}


def _live_visitors(
    _session: Session, site: AnySite, content: Snapshot, _moment: datetime
) -> dict[str, Any] | None:
    messages = _Messages(site, content, wording.LIVE_VARIABLES)
    visitors = visitors_now(site.number)
    if visitors < _minimum(content):
        return None
    return messages.rendered(lambda language: {"visitors": whole(visitors, language)})


SUMMARIES = {
    "period_count": _period_count,
    "hot_streak": _hot_streak,
    "rating_summary": _rating_summary,
    LIVE: _live_visitors,
}


def _beginning(period: str, moment: datetime) -> datetime | None:
    length = counts.PERIODS[period]
    return None if length is None else moment - length


def _minimum(content: Snapshot) -> int:
    """Nothing is no number to show, whatever a campaign allows."""
    return max(1, content.get("minimum", 1))


class _Messages:
    """A campaign's wordings: the site's language first, then its translations."""

    def __init__(self, site: AnySite, content: Snapshot, variables: tuple[str, ...]) -> None:
        self._language = site.language
        self._own = wording.parse(content["template"], variables=variables)
        translated = (content.get("translations") or {}).items()
        self._others = {
            language: wording.parse(words["template"], variables=variables)
            for language, words in translated
            if words.get("template")
        }

    @property
    def variables(self) -> frozenset[str]:
        others = (each.variables for each in self._others.values())
        return self._own.variables.union(*others)

    def rendered(self, values: Values) -> dict[str, Any]:
        message = self._own.render(values(self._language))
        others = {each: said.render(values(each)) for each, said in self._others.items()}
        return {"message": message, "messages": others} if others else {"message": message}
