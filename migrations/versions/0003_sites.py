"""Sightings of the snippet

Revision: 0003
Follows: 0002
"""

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    pass
