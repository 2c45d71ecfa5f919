"""Whatever can happen has words on the screen: a new announcement without them fails here."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.campaigns.models import PublicationChanged
from app.core.announce import Announcement
from app.dashboard.history import CAUSES
from app.sites.models import SiteAnnouncement, SiteRemoved

AUDIT = Path(__file__).parents[2] / "templates/accounts/audit/index.html"


def kinds_of(kind: type[Announcement]) -> list[type[Announcement]]:
    """All kinds that are derived from it and can be announced."""
    below = [each for child in kind.__subclasses__() for each in kinds_of(child)]
    named = [kind] if "name" in vars(kind) and kind.__module__.startswith("app.") else []
    return [*named, *below]


@pytest.mark.parametrize("kind", kinds_of(Announcement), ids=lambda kind: kind.name)
def test_the_audit_log_has_words_for_everything_that_it_keeps(kind):
    assert not kind.audited or f"'{kind.name}'" in AUDIT.read_text()


@pytest.mark.parametrize("base", [SiteAnnouncement, PublicationChanged])
def test_the_history_has_words_for_everything_that_makes_a_revision(base):
    # A site that is gone has no history.
    names = {kind.name for kind in kinds_of(base) if kind is not SiteRemoved}
    assert names <= CAUSES.keys()
