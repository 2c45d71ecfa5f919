"""By what numbers can be told apart: parts of a visit, pages it saw, what happened in it."""

from __future__ import annotations

from dataclasses import dataclass

NONE = ""  # nothing is known, as a value
OTHER = " "  # all that is rarer than those that are kept; values have no space at their ends


@dataclass(frozen=True)
class Dimension:
    """`of_events`: a visit can have several values of it. `none` says what no value means."""

    name: str
    label: str
    of_events: bool = False
    none: str = "Unknown"


_all = (
    Dimension("page", "Page", of_events=True),
    Dimension("entry_page", "Landing page"),
    Dimension("exit_page", "Exit page"),
    Dimension("channel", "Channel"),
    Dimension("referrer", "Referrer", none="Direct or none"),
    Dimension("utm_source", "UTM source", none="None"),
    Dimension("utm_medium", "UTM medium", none="None"),
    Dimension("utm_campaign", "UTM campaign", none="None"),
    Dimension("utm_term", "UTM term", none="None"),
    Dimension("utm_content", "UTM content", none="None"),
    Dimension("country", "Country"),
    Dimension("region", "Region"),
    Dimension("city", "City"),
    Dimension("device", "Device"),
    Dimension("browser", "Browser"),
    Dimension("system", "System"),
    Dimension("language", "Language"),
    Dimension("event", "Event", of_events=True),
    Dimension("property", "Property", of_events=True),
)
DIMENSIONS = {each.name: each for each in _all}
# Whether a visit reached one, by its name: nothing that numbers are told apart by.
GOAL = Dimension("goal", "Goal", of_events=True, none="None")
FILTERABLE = {**DIMENSIONS, GOAL.name: GOAL}
OF_SESSIONS = tuple(each.name for each in _all if not each.of_events)
OF_EVENTS = tuple(each.name for each in _all if each.of_events)
