"""The builder

Revision: 0005
Follows: 0004
"""

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    pass
