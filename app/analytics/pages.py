"""What pages of analytics share."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlencode

from flask import current_app, redirect, request

from app.accounts.access import current_organization
from app.analytics import words
from app.analytics.dimensions import FILTERABLE
from app.analytics.filters import OPERATORS, check_dimension, read_filters
from app.analytics.periods import PRESETS
from app.analytics.questions import Question
from app.analytics.words import value_named
from app.core.api import parsed_uuid
from app.core.errors import not_found
from app.core.money import money_words
from app.core.render import render
from app.sites.listing import choose_site
from app.sites.models import Site

FILTER = ("on", "operator", "value")


def show_page(template: str, answer: Callable[[Question], dict[str, Any]]) -> Any:
    """The page of the chosen site with what `answer` says of its question; without a chosen site
    the choice of one."""
    choice = choose_site()
    named = request.args.get("site")
    if named and (choice.chosen is None or choice.chosen.id != parsed_uuid(named)):
        raise not_found()
    if choice.chosen is None:
        return render(template, block="picker", choice=choice)
    return answer_page(template, choice.chosen, answer, choice=choice)


def answer_page(
    template: str,
    site: Site,
    answer: Callable[[Question], dict[str, Any]],
    status: int = 200,
    **values: Any,
) -> Any:
    if request.method == "GET" and request.args.get("on"):
        return redirect(_with_filter())
    question = Question.asked(site)
    return render(
        template,
        status,
        block="answer",
        question=question,
        site=site,
        **shown(),
        **answer(question),
        **values,
    )


def _with_filter() -> str:
    """The address that the form for one more filter comes to."""
    said: dict[str, Any] = dict(request.args.lists())
    on, operator, value = (said.pop(name, [""])[0] for name in FILTER)
    # First: what values are read as is kept in memory for each dimension.
    check_dimension(on)
    values = "|".join(value_named(on, each.strip()) for each in value.split("|"))
    (filter,) = read_filters([f"{on}:{operator}:{values}"])
    said["f"] = list(dict.fromkeys([*said.get("f", []), str(filter)]))
    said.pop("page", None)
    return f"{request.path}?{urlencode(said, doseq=True)}"


def shown() -> dict[str, Any]:
    """What templates write numbers and values with."""
    return {
        "money": partial(_money, currency=current_organization.currency),
        "percent": words.percent,
        "duration": words.duration,
        "value_words": words.value_words,
        "dimensions": FILTERABLE,
        "operators": OPERATORS,
        "presets": PRESETS,
        "existing": current_app.view_functions,
    }


def _money(amount: int, currency: str) -> str:
    return money_words(amount, currency)
