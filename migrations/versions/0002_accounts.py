"""Sign-up, invitations, settings of organizations

Revision: 0002
Follows: 0001
"""

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    pass
