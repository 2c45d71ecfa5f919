"""k-anonymity: a place is named when enough different people were active there lately."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select

from app.core.db import db

WINDOW = timedelta(days=30)


def showable_place(model: Any, activity: Any, k: int) -> dict[str, str | None] | None:
    """The smallest place of `activity` that at least `k` different people share, itself included,
    within 30 days before it: {"city", "region", "country"} with the finer ones None, or None.

    People are told apart by blind index; an activity without a person never counts.
    """
    if _crowded(model, activity, activity.city_index, model.city_index, k):
        return _place(activity.city, activity.region, activity.country)
    if _crowded(model, activity, activity.region_index, model.region_index, k):
        return _place(None, activity.region, activity.country)
    if _crowded(model, activity, activity.country, model.country, k):
        return _place(None, None, activity.country)
    return None


def _crowded(model: Any, activity: Any, value: Any, column: ColumnElement[Any], k: int) -> bool:
    if value is None:
        return False
    people = (
        select(func.count(model.person_index.distinct()))
        .where(model.site_id == activity.site_id, column == value)
        .where(model.occurred_at > activity.occurred_at - WINDOW)
        .where(model.occurred_at <= activity.occurred_at)
    )
    return (db.session.scalar(people) or 0) >= k


def _place(city: str | None, region: str | None, country: str | None) -> dict[str, str | None]:
    return {"city": city, "region": region, "country": country}
