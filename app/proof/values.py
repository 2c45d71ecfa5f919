"""What a template's variables stand for: of an activity that is shown, or of a fact on trial."""

from __future__ import annotations

from app.core.countries import country_name
from app.sources.facts import Place


def values_of(
    *,
    type: str,
    first_name: str | None,
    person_style: str,
    place: Place,
    product: str | None,
    rating: object = None,
) -> dict[str, str]:
    """The values of a template's variables; empty where nothing may be said."""
    country = country_name(place.country)
    return {
        "first_name": shown_person(first_name, person_style),
        "city": place.city or "",
        "region": place.region or "",
        "country": country,
        "country_code": place.country or "",
        "place": place.city or place.region or country,
        "product": product or "",
        "type": type.replace("_", " "),
        "rating": str(rating or ""),
    }


def shown_person(first_name: str | None, style: str) -> str:
    """Empty for somebody whose name is not to be shown: the wording has its own word for that."""
    if not first_name or style == "someone" or not _is_a_name(first_name):
        return ""
    return f"{first_name[0].upper()}." if style == "initial" else first_name


def _is_a_name(text: str) -> bool:
    """Not an address or a number that somebody typed into the wrong field: those stay private."""
    return not any(c in "@:/" or c.isdigit() for c in text)
