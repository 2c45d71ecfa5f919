"""`candor verify-audit`: every chain of every organization."""

from __future__ import annotations

from sqlalchemy import select

from app.accounts.models import AuditEntry, Organization
from app.core import chains, tenancy
from app.core.db import system
from app.proof.models import ProofReceipt


def broken_chains() -> list[str]:
    """One line for each broken chain, naming its first bad entry. Empty when all are whole."""
    with system() as connection:
        organizations = connection.execute(select(Organization.id, Organization.slug)).all()
    lines = []
    for organization_id, slug in organizations:
        with tenancy.scope(organization_id):
            for model in (AuditEntry, ProofReceipt):
                broken = chains.verify(model, organization_id)
                if broken:
                    lines.append(f"{slug}: {broken.chain} entry {broken.number}: {broken.reason}")
    return lines
