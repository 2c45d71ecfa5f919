from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app.accounts.access import require
from app.accounts.models import AuditEntry
from app.accounts.permissions import Permission
from app.accounts.views.routes import blueprint
from app.core.db import db
from app.core.render import render

SHOWN = 100


@blueprint.get("/o/<organization>/settings/audit")
@require(Permission.AUDIT_READ)
def audit() -> Any:
    newest = select(AuditEntry).order_by(AuditEntry.number.desc()).limit(SHOWN)
    return render("accounts/audit/index.html", entries=db.session.scalars(newest).all())
