"""Replays, imports, opt-outs

Revision: 0004
Follows: 0003
"""

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    pass
