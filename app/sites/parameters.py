"""Which parameters of a page's address a site keeps: those that everybody uses, each unless it is
switched off, and a few of its own."""

from __future__ import annotations

import re
from collections.abc import Iterable

STANDARD = (
    "utm_source",
    "utm_medium",
    "utm_campaign",
    "utm_term",
    "utm_content",
    "gclid",
    "fbclid",
    "msclkid",
)
MOST_OWN = 10
OWN = re.compile("[a-z][a-z0-9_]{0,39}")


class ParameterError(ValueError):
    """A name cannot be one of a kept parameter; the message says why."""


def kept_parameters(names: Iterable[str]) -> list[str]:
    """Each once and in lower case, the standard ones first. Raises ParameterError."""
    wanted = list(dict.fromkeys(name.strip().lower() for name in names))
    own = own_parameters(wanted)
    for name in own:
        if not OWN.fullmatch(name):
            raise ParameterError(
                f"“{name[:40]}” is no name of a parameter: it begins with a letter and has at most "
                "40 letters, digits and underscores."
            )
    if len(own) > MOST_OWN:
        raise ParameterError(f"At most {MOST_OWN} parameters of your own.")
    return [*(name for name in STANDARD if name in wanted), *own]


def own_parameters(names: Iterable[str]) -> list[str]:
    """Those that are not among the standard ones."""
    return [name for name in names if name not in STANDARD]
