"""The way in: which organization a request is for, who is asking, and whether they may."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, TypeVar
from uuid import UUID

from flask import Flask, g, redirect, request, session, url_for
from flask_login import LoginManager, current_user
from sqlalchemy import select
from werkzeug.local import LocalProxy

from app.accounts.models import ApiKey, Member, Organization, SignIn, User
from app.accounts.models.audit import actor
from app.accounts.permissions import Permission
from app.accounts.queries import memberships, organization_id_of_key
from app.core import clock, tenancy
from app.core.crypto import fingerprint
from app.core.db import db
from app.core.errors import ApiError, invalid, not_found

V = TypeVar("V", bound=Callable[..., Any])
T = TypeVar("T")

TOUCH_EVERY = timedelta(minutes=5)
REFUSALS = {403: "The key does not have this scope, or its organization may not do this."}

login_manager = LoginManager()
current_member: Member = LocalProxy(lambda: g.member)  # type: ignore[assignment]
current_organization: Organization = LocalProxy(lambda: g.organization)  # type: ignore[assignment]
current_key: ApiKey = LocalProxy(lambda: g.api_key)  # type: ignore[assignment]


def init_app(app: Flask) -> None:
    login_manager.init_app(app)
    app.before_request(_enter_organization)
    app.teardown_request(lambda _error: _leave())


@login_manager.user_loader
def _load_user(token: str) -> User | None:
    sign_in = SignIn.by_token(token)
    if sign_in is None:
        return None
    g.sign_in = sign_in
    if sign_in.touch():
        db.session.commit()
    sign_in.user.token = token
    return sign_in.user


@login_manager.unauthorized_handler
def _ask_to_sign_in() -> Any:
    return redirect(url_for("accounts.sign_in", next=request.full_path.rstrip("?")))


def _enter_organization() -> Any:
    """Pages carry their organization in the address: two tabs, two tenants."""
    slug = (request.view_args or {}).get("organization")
    if slug is None or request.endpoint is None:
        return None
    if not current_user.is_authenticated:
        return _ask_to_sign_in()
    user_id = current_user.id
    g.memberships = memberships(user_id)
    here = next((each for each in g.memberships if each.slug == slug), None)
    if here is None:
        raise not_found()
    tenancy.enter(here.organization_id)
    member = Member.of(user_id)
    if member is None:
        raise not_found()
    g.member, g.organization = member, member.organization
    actor.set(("member", member.id))
    return None


def _leave() -> None:
    tenancy.leave()
    actor.set(("system", None))


def require(permission: Permission) -> Callable[[V], V]:
    """A page for members with `permission`; others of the same organization get 403."""

    def decorate(view: V) -> V:
        @wraps(view)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            kwargs.pop("organization")
            if not current_member.may(permission):
                raise ApiError(403, "forbidden", "Your role does not include this.")
            return view(*args, **kwargs)

        wrapper.permission = permission  # type: ignore[attr-defined]
        return wrapper  # type: ignore[return-value]

    return decorate


def authorized(permission: Permission) -> Callable[[V], V]:
    """A REST route for API keys with this scope. The session cookie opens nothing here."""

    def decorate(view: V) -> V:
        @wraps(view)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            _enter_by_key(permission)
            return view(*args, **kwargs)

        described: Any = wrapper
        described.permission = permission
        # For the OpenAPI document: which key opens it, and what it answers to others.
        known = getattr(view, "_spec", {})
        described._spec = {
            **known,
            "security": [{"ApiKey": [permission.value]}],
            "responses": {**known.get("responses", {}), **REFUSALS},
        }
        return wrapper  # type: ignore[return-value]

    return decorate


def _enter_by_key(permission: Permission) -> None:
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    organization_id = organization_id_of_key(secret) if scheme.lower() == "bearer" else None
    if organization_id is None:
        raise _unauthorized()
    # The body, before a connection to the database is held and only for a known key: it may come
    # slowly.
    request.get_data()
    tenancy.enter(organization_id)
    key = db.session.scalars(select(ApiKey).filter_by(digest=fingerprint(secret))).one_or_none()
    if key is None or key.revoked_at is not None:
        raise _unauthorized()
    if not key.may(permission):
        message = f"This API key does not have the scope {permission.value}."
        raise ApiError(403, "forbidden", message, {"scope": permission.value})
    g.api_key = key
    actor.set(("api_key", key.id))
    if key.last_used_at is None or clock.now() - key.last_used_at > TOUCH_EVERY:
        key.last_used_at = clock.now()
        db.session.commit()


def _unauthorized() -> ApiError:
    message = "Send an API key as: Authorization: Bearer <key>."
    return ApiError(401, "unauthorized", message, {}, {"WWW-Authenticate": "Bearer"})


def still_may(permission: Permission) -> bool:
    """Whether the member who was let in may still, read anew: for what outlasts a request."""
    sign_in = SignIn.by_token(session.get("_user_id", ""))
    member = Member.of(sign_in.user_id) if sign_in else None
    return member is not None and member.may(permission)


def get_or_404(model: type[T], identifier: UUID) -> T:
    """A row of the organization in scope. Missing and foreign are the same answer."""
    row = db.session.scalars(select(model).filter_by(id=identifier)).one_or_none()
    if row is None:
        raise not_found()
    return row


def answering_member(identifier: UUID | None) -> Member | None:
    """Whoever may answer visitors, by what a body gives as `assignee_id`; None is nobody. 422 for
    another."""
    if identifier is None:
        return None
    for member in Member.who_may(Permission.CHAT_REPLY):
        if member.id == identifier:
            return member
    raise invalid("assignee_id", "Choose somebody who may answer.")


def current_organization_slug() -> str:
    """Of the organization in scope, also of one that the transaction has just founded."""
    organization_id = tenancy.current_organization_id()
    return db.session.get_one(Organization, organization_id).slug


def open_session(token: str) -> None:
    """Start a fresh browser session: nothing of the one before survives a sign-in."""
    session.clear()
    session["_user_id"] = token
    session["_fresh"] = True
    session.permanent = True
