"""Who writes when a program of the organization does, by an API key: an agent without a name."""

from __future__ import annotations

from typing import Any


class Voice:
    """Stands where a member stands who replies or notes, and is none: nobody takes over a
    conversation by it, and visitors are told no name."""

    id = None


ORGANIZATION: Any = Voice()
