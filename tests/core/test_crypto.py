"""Personal data at rest: unreadable, bound to its row, found by blind index only."""

from __future__ import annotations

import os

import pytest
from sqlalchemy import select, text, update

from app.accounts.models import User
from app.core.crypto import Keyring, SealError, blind_index
from app.core.db import create_engine, db
from app.sources.models import Source


def test_what_is_sealed_is_in_no_file_of_the_database(app, acme, inside):
    with inside(acme):
        source = db.session.get(Source, acme.source_id)
        assert source.secret == acme.secret
        raw = db.session.execute(text("SELECT email_sealed FROM users")).scalar_one()
    assert b"alice" not in bytes(raw)


def test_a_ciphertext_moved_to_another_row_is_refused(app, acme, umbrella, inside):
    owner = create_engine(app.extensions["candor_settings"], role=None)
    table = Source.__table__
    with owner.begin() as connection:
        other = connection.execute(
            select(table.c.secret_sealed).where(table.c.id == umbrella.source_id)
        ).scalar_one()
        connection.execute(
            update(table).where(table.c.id == acme.source_id).values(secret_sealed=other)
        )
    owner.dispose()
    with inside(acme), pytest.raises(SealError):
        assert db.session.get(Source, acme.source_id).secret


def test_a_new_key_encrypts_and_the_old_one_still_decrypts():
    old, new = ("k1", os.urandom(32)), ("k2", os.urandom(32))
    sealed = Keyring((old,), b"secret").seal(b"Ada", b"row")
    both = Keyring((new, old), b"secret")
    assert both.open(sealed, b"row") == b"Ada"
    assert both.seal(b"Ada", b"row")[1:3] == b"k2"
    with pytest.raises(SealError):
        Keyring((new,), b"secret").open(sealed, b"row")


def test_one_altered_byte_is_refused():
    ring = Keyring((("k1", os.urandom(32)),), b"secret")
    sealed = bytearray(ring.seal(b"Ada", b"row"))
    sealed[-1] ^= 1
    with pytest.raises(SealError):
        ring.open(bytes(sealed), b"row")


def test_a_blind_index_is_equal_within_a_tenant_and_purpose_only(app, acme, umbrella):
    with app.app_context():
        mine = blind_index("Ada@X.example ", purpose="person.email", tenant=acme.id)
        assert mine == blind_index("ada@x.example", purpose="person.email", tenant=acme.id)
        assert mine != blind_index("ada@x.example", purpose="person.email", tenant=umbrella.id)
        assert mine != blind_index("ada@x.example", purpose="user.email", tenant=acme.id)
        assert blind_index("  ", purpose="person.email", tenant=acme.id) is None


def test_users_are_found_by_address_in_any_case(app, acme):
    with app.app_context():
        user = User.by_email("ALICE@acme.example")
        assert user.email == "alice@acme.example"
