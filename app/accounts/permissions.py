"""Who may do what: the one table that views, API keys and tests read."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """A member's role, the strongest first."""

    OWNER = "owner"
    ADMIN = "admin"
    EDITOR = "editor"
    AGENT = "agent"
    VIEWER = "viewer"


class Permission(StrEnum):
    """What can be allowed. The value is also the scope of an API key."""

    ORGANIZATION_WRITE = "organization:write"
    ORGANIZATION_DELETE = "organization:delete"
    BILLING = "billing:write"
    MEMBERS_READ = "members:read"
    MEMBERS_WRITE = "members:write"
    API_KEYS_WRITE = "api-keys:write"
    AUDIT_READ = "audit:read"
    SITES_READ = "sites:read"
    SITES_WRITE = "sites:write"
    CAMPAIGNS_READ = "campaigns:read"
    CAMPAIGNS_WRITE = "campaigns:write"
    SOURCES_READ = "sources:read"
    SOURCES_WRITE = "sources:write"
    ACTIVITIES_READ = "activities:read"
    ACTIVITIES_WRITE = "activities:write"
    EVENTS_WRITE = "events:write"
    ANALYTICS_READ = "analytics:read"
    ANALYTICS_WRITE = "analytics:write"
    ENDPOINTS_READ = "endpoints:read"
    ENDPOINTS_WRITE = "endpoints:write"
    CHAT_READ = "conversations:read"
    CHAT_REPLY = "conversations:write"
    CONTACTS_READ = "contacts:read"
    CONTACTS_WRITE = "contacts:write"
    COMMANDS_SEND = "commands:send"


P = Permission
_VIEWER = {P.SITES_READ, P.CAMPAIGNS_READ, P.ANALYTICS_READ}
_INBOX = {P.CHAT_READ, P.CHAT_REPLY, P.CONTACTS_READ, P.CONTACTS_WRITE}
_AGENT = {P.SITES_READ, P.ANALYTICS_READ} | _INBOX
_EDITOR = _VIEWER | {
    P.SITES_WRITE,
    P.CAMPAIGNS_WRITE,
    P.SOURCES_READ,
    P.SOURCES_WRITE,
    P.ACTIVITIES_READ,
    P.ACTIVITIES_WRITE,
    P.EVENTS_WRITE,
    P.ANALYTICS_WRITE,
    P.ENDPOINTS_READ,
    P.ENDPOINTS_WRITE,
}
_ADMIN = (
    _EDITOR
    | _INBOX
    | {
        P.COMMANDS_SEND,
        P.ORGANIZATION_WRITE,
        P.MEMBERS_READ,
        P.MEMBERS_WRITE,
        P.API_KEYS_WRITE,
        P.AUDIT_READ,
    }
)

ALLOWED: dict[Role, frozenset[Permission]] = {
    Role.OWNER: frozenset(Permission),
    Role.ADMIN: frozenset(_ADMIN),
    Role.EDITOR: frozenset(_EDITOR),
    Role.AGENT: frozenset(_AGENT),
    Role.VIEWER: frozenset(_VIEWER),
}


def at_most(role: Role | str) -> list[Role]:
    """The roles that are not stronger than this one, the strongest first."""
    roles = list(Role)
    return roles[roles.index(Role(role)) :]


def allows(role: Role | str, permission: Permission) -> bool:
    return permission in ALLOWED[Role(role)]
