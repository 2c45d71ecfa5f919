"""Pages of accounts, by noun. Those outside an organization take tokens as `?token=`: paths are
logged, queries are not."""

from app.accounts.views import (
    account,
    api_keys,
    audit,
    email_verification,
    invitations,
    members,
    organizations,
    password_reset,
    root,
    sign_in,
    sign_ins,
    sign_up,
)
from app.accounts.views.routes import blueprint

__all__ = [
    "account",
    "api_keys",
    "audit",
    "blueprint",
    "email_verification",
    "invitations",
    "members",
    "organizations",
    "password_reset",
    "root",
    "sign_in",
    "sign_ins",
    "sign_up",
]
