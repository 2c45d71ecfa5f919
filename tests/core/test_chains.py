"""A chain shows edits, deletions, changes of order and a cut tail, and names the first bad entry."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, select, text, update

from app.accounts.models import ApiKey, AuditEntry
from app.core import chains
from app.core.db import create_engine, db
from app.dashboard.verification import broken_chains


@pytest.fixture
def tamper(app):
    """Changes the table as somebody with the database's password would."""
    owner = create_engine(app.extensions["candor_settings"], role=None)

    def run(statement):
        with owner.begin() as connection:
            connection.execute(statement)

    yield run
    owner.dispose()


@pytest.fixture
def verify(inside, acme):
    def check():
        with inside(acme):
            return chains.verify(AuditEntry, acme.id)

    return check


TABLE = AuditEntry.__table__


def test_a_chain_as_it_was_written_is_whole(verify):
    assert verify() is None


def test_an_edit_is_named(verify, tamper):
    tamper(update(TABLE).where(TABLE.c.number == 2).values(action="nothing.happened"))
    assert (verify().number, verify().reason) == (2, "content was edited")


def test_an_edit_without_its_salt_is_named(verify, tamper):
    tamper(update(TABLE).where(TABLE.c.number == 2).values(digest=b"x" * 32, salt=None))
    assert verify().number == 2


def test_a_deletion_is_named(verify, tamper):
    tamper(delete(TABLE).where(TABLE.c.number == 3))
    assert verify().number == 3


def test_a_change_of_order_is_named(verify, tamper):
    tamper(update(TABLE).where(TABLE.c.number == 2).values(number=-1))
    tamper(update(TABLE).where(TABLE.c.number == 3).values(number=2))
    tamper(update(TABLE).where(TABLE.c.number == -1).values(number=3))
    assert verify().number == 2


def test_a_cut_tail_is_named_even_when_the_head_was_set_back(verify, tamper, inside, acme):
    with inside(acme):
        rows = db.session.scalars(select(AuditEntry).order_by(AuditEntry.number)).all()
        last, before = rows[-1].number, rows[-2]
        number, seal = before.number, before.seal
    tamper(delete(TABLE).where(TABLE.c.number == last))
    assert verify().reason == "the tail was cut"
    heads = chains.ChainHead.__table__
    tamper(update(heads).where(heads.c.chain == "audit").values(number=number, seal=seal))
    assert (verify().number, verify().reason) == (last, "the tail was cut")


def test_erasing_a_content_keeps_the_chain_whole(verify, inside, acme):
    with inside(acme):
        entry = db.session.scalars(select(AuditEntry).filter_by(number=2)).one()
        entry.erase()
        db.session.commit()
    assert verify() is None


def test_the_command_tells_which_organization(app, acme, umbrella, tamper):
    with app.app_context():
        assert broken_chains() == []
        tamper(text("UPDATE proof_receipts SET statement = statement"))
        tamper(
            update(TABLE)
            .where(TABLE.c.organization_id == umbrella.id, TABLE.c.number == 1)
            .values(action="x")
        )
        [line] = broken_chains()
    assert line.startswith(umbrella.slug) and "entry 1" in line


def test_what_is_rolled_back_is_not_in_the_chain(verify, inside, acme):
    with inside(acme):
        ApiKey.issue("Never", ["*"])
        db.session.rollback()
        ApiKey.issue("Kept", ["*"])
        db.session.commit()
        names = db.session.scalars(select(AuditEntry.action)).all()
    assert names.count("api_key.issued") == 2  # the fixture's and the kept one
    assert verify() is None
