"""Each table says whose its rows are, each reference carries it, and no plain column holds what
belongs to a person."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import JSON, Index, LargeBinary, String, Text, UniqueConstraint, select

from app.core.crypto import _Sealed
from app.core.db import Base, Guid
from app.core.signing import hmac_sha256_hex
from tests.shops import shopify, shopify_headers, shopify_order
from tests.walls.conftest import source_of_kind

TABLES = Base.metadata.tables
# What belongs to nobody: tenants themselves, people, their browsers and mail, the schema's version.
GLOBAL = {
    "organizations",
    "users",
    "sign_ins",
    "sign_ups",
    "email_verifications",
    "password_resets",
    "account_mail",
    "alembic_version",
    "site_numbers",
}
TENANTS = [table for name, table in TABLES.items() if name not in GLOBAL]

# Unique for all organizations together: what the public names without saying whose it is.
UNIQUE_EVERYWHERE = {
    ("sites", "key"): "128 random bits, named by a snippet",
    ("invitations", "mailed_digest"): "of 256 random bits, looked up before there is a tenant",
    ("invitations", "shown_digest"): "of 256 random bits, looked up before there is a tenant",
    ("api_keys", "digest"): "of 256 random bits, looked up before there is a tenant",
    ("proof_receipts", "token", "statement"): "128 random bits, public",
    ("images", "token"): "128 random bits, public",
    ("shared_links", "digest"): "of 256 random bits, looked up before there is a tenant",
    ("report_recipients", "digest"): "of 256 random bits, looked up before there is a tenant",
    ("sites", "number"): "counted for all, named by no address",
    ("attachments", "token"): "128 random bits, of a file's address",
}

# Ids of other rows without a foreign key.
LOOSE = {
    ("activities", "source_id"): "a fact outlives the source that told it",
    ("orders", "source_id"): "an order outlives its source",
    ("refunds", "source_id"): "a refund outlives its source",
    ("invitations", "mail_id"): "of its newest mail, which may be forgotten before it",
    ("api_keys", "maker_id"): "the record of a key outlives who made it",
    ("inbound_deliveries", "became_id"): "of one of several tables",
    ("activities", "import_id"): "a fact outlives the record of its import",
    ("replays", "actor_id"): "the replay outlives who asked for it",
    ("replay_ranges", "actor_id"): "the replay outlives who asked for it",
    ("replay_ranges", "last_id"): "a place in a list",
    ("replay_ranges", "position_id"): "a place in a list",
    ("revisions", "author_id"): "a revision outlives who published it",
    ("audit_entries", "actor_id"): "the entry outlives who did it",
    ("audit_entries", "subject_id"): "the entry outlives what it was done to",
    ("events", "session_id"): "written together, many at once",
    ("events", "campaign_id"): "claimed by the sender; the event outlives the campaign",
    ("visitors", "session_id"): "written together, many at once",
    ("deliveries", "redelivery_id"): "the newest of several, which may go before it",
    ("guests", "session_id"): "of a visit, which may be forgotten before him",
    ("conversations", "session_id"): "of a visit, which may be forgotten before it",
    ("tickets", "conversation_id"): "a ticket outlives the conversation that it came from",
    ("tickets", "contact_id"): "a ticket outlives the contact that it came from",
    ("messages", "member_id"): "what was said outlives the membership of who said it",
}

# Each plain column that could hold text, looked at by somebody: nothing of a person gets in.
# A new column stands here, or is sealed.
NOT_PERSONAL = {
    "organizations": {"name", "slug", "time_zone", "currency", "language"},
    "users": {"password_hash"},
    "sign_ups": {"organization_name", "password_hash"},
    "invitations": {"role"},
    "account_mail": {"state"},
    "sign_ins": {"device"},  # the member's own browser, as it calls itself
    "members": {"role"},
    "api_keys": {"name", "hint", "scopes"},
    "audit_entries": {"actor_kind", "action", "subject_kind", "details"},
    "chain_heads": {"chain"},
    "idempotent_answers": {"key", "route"},
    "outgoing_mail": {"state"},
    "sites": {
        "name",
        "client_name",
        "search_text",
        "key",
        "time_zone",
        "language",
        "person_style",
        "mode",
        "parameters",
    },
    "site_domains": {"host"},
    "site_sightings": {"host"},
    "revisions": {"content", "author_kind", "cause"},
    "sources": {"kind", "name", "mapping"},
    "inbound_deliveries": {"key", "topic", "subject", "external_id", "verdict", "became_type"},
    "replays": {"actor_kind", "before", "after"},
    "replay_ranges": {"actor_kind"},
    "imports": {"columns", "otherwise", "state"},
    "orders": {"external_id", "reference", "status", "currency", "products"},
    "refunds": {"external_id", "currency"},
    "activities": {
        "source_kind",
        "type",
        "external_id",
        "strength",
        "country",
        "shown_place",  # shared by at least as many people as the site says
        "product",
        "value_currency",
        "retraction_reason",
        "receipt",
    },
    "proof_receipts": {"token", "statement", "activity_type", "source_kind", "strength"},
    "campaigns": {
        "name",
        "format",
        "renderer",
        "content",
        "triggers",
        "rules",
        "frequency",
        "tracking",
        "status",
        "live",
    },
    "images": {"token"},
    "goals": {"name", "kind", "match", "having"},
    "segments": {"name", "filters"},
    "shared_links": {"name", "filters", "password_hash"},
    "reports": {"name", "metrics", "dimensions", "filters", "period", "schedule"},
    "alerts": {"metric", "direction", "unit"},
    "annotations": {"text"},
    "endpoints": {"description", "types", "event_names", "disabled_reason"},
    "deliveries": {"type", "state"},
    "delivery_attempts": {"error"},  # our own words
    "funnels": {"name", "kept_steps"},
    # Addresses come without what a site does not ask for; events say what its owner has them say.
    "events": {"name", "url", "referrer", "title", "props", "currency", "experiments", "order_id"},
    "event_drops": {"reason"},
    "day_rollups": {"part"},
    "rollup_runs": {"zone", "archive_problem"},  # in the words of the operating system
    "quarantined_events": {"reason", "user_agent", "record"},  # of bots
    "sessions": {
        "entry_url",
        "exit_url",
        "referrer",
        "referrer_host",
        "channel",
        "utm_source",
        "utm_medium",
        "utm_campaign",
        "utm_term",
        "utm_content",
        "parameters",
        "country",
        "region",
        "city",
        "device",
        "browser",
        "system",
        "language",
        "masked_address",  # its network alone
    },
    "guests": {"masked_address", "country", "city", "language"},  # of an address its network alone
    "conversations": {"client_id", "state", "last_author", "page", "utm"},
    "messages": {"client_id", "author", "kind", "details"},  # what happened, by whose id
    "attachments": {"token", "content_type"},
    "chat_settings": {
        "position",
        "accent",
        "asks",
        "texts",
        "week",
        "holidays",
        "assignment",
        "outside",
    },
    "labels": {"name", "folded", "colour"},
    "tickets": {"state", "priority"},
    "canned_replies": {"shortcut", "body"},
    "archives": {"checksum"},
}

# Bytes that are neither ciphertext nor a blind index; data is of a picture that a site publishes,
# a visitor is a hash under a salt that is gone after two days, or a random id.
BYTES = {
    "digest",
    "token_digest",
    "mailed_digest",
    "shown_digest",
    "body_digest",
    "data",
    "salt",
    "seal",
    "visitor",
    "told",  # ids of events
}

# What a column of a person is called. Those called so that are of no person:
PERSONAL = ("name", "mail", "phone", "address", "street", "body", "recipient", "person", "customer")
NAMES_OF_THINGS = {
    ("organizations", "name"),
    ("sign_ups", "organization_name"),
    ("api_keys", "name"),
    ("sites", "name"),
    ("sites", "client_name"),
    ("sites", "person_style"),
    ("sources", "name"),
    ("campaigns", "name"),
    ("goals", "name"),
    ("segments", "name"),
    ("shared_links", "name"),
    ("reports", "name"),
    ("funnels", "name"),
    ("events", "name"),
    ("sessions", "masked_address"),
    ("guests", "masked_address"),
    ("labels", "name"),
    ("canned_replies", "body"),  # written for everybody
    ("endpoints", "event_names"),
}

MARKS = ("Zebedee", "Quigglesworth", "zq@marked.example", "+49301234567", "Zanzibar Road")


def test_each_table_says_whose_its_rows_are():
    for table in TENANTS:
        column = table.c.get("organization_id")
        assert column is not None, f"{table.name} belongs to nobody"
        assert not column.nullable, table.name
        keys = {key.target_fullname for key in column.foreign_keys}
        assert "organizations.id" in keys or _is_of_a_site(table), table.name


def _is_of_a_site(table):
    """Whether each row names its site and with it, by the same key, the site's organization."""
    return any(
        {(key.parent.name, key.target_fullname) for key in constraint.elements}
        == {("organization_id", "sites.organization_id"), ("site_number", "sites.number")}
        and not table.c.site_number.nullable
        for constraint in table.foreign_key_constraints
    )


def test_each_reference_between_tenants_tables_carries_the_organization():
    for table in TENANTS:
        for constraint in table.foreign_key_constraints:
            target = constraint.referred_table
            if target.name in GLOBAL:
                continue
            pairs = {(key.parent.name, key.column.name) for key in constraint.elements}
            assert ("organization_id", "organization_id") in pairs, f"{table.name} → {target.name}"


def test_each_id_of_another_row_is_a_foreign_key_or_has_a_reason():
    loose = {
        (table.name, column.name)
        for table in TABLES.values()
        for column in table.c
        if isinstance(column.type, Guid) and column.name != "id" and not column.foreign_keys
    }
    assert loose == set(LOOSE)


def test_what_is_unique_is_unique_within_an_organization():
    everywhere = set()
    for table in TENANTS:
        constraints = [c for c in table.constraints if isinstance(c, UniqueConstraint)]
        indexes = [index for index in table.indexes if isinstance(index, Index) and index.unique]
        for unique in (*constraints, *indexes):
            names = [column.name for column in unique.columns]
            if "organization_id" not in names:
                everywhere.add((table.name, *names))
    assert everywhere == set(UNIQUE_EVERYWHERE)


def test_each_plain_text_column_was_looked_at():
    plain = {
        table.name: {c.name for c in table.c if isinstance(c.type, (String, Text, JSON))}
        for table in TABLES.values()
    }
    assert {name: columns for name, columns in plain.items() if columns} == NOT_PERSONAL


def test_bytes_are_sealed_or_an_index_or_a_digest():
    for table in TABLES.values():
        for column in table.c:
            if isinstance(column.type, LargeBinary):
                known = column.name.endswith(("_sealed", "_index")) or column.name in BYTES
                assert known, f"{table.name}.{column.name}"


def test_what_is_called_like_something_of_a_person_is_sealed():
    for table in TABLES.values():
        for column in table.c:
            if not isinstance(column.type, (String, Text, JSON, LargeBinary)):
                continue
            called_so = any(word in column.name for word in PERSONAL)
            kept_safe = column.name.endswith(("_sealed", "_index", "_digest"))
            thing = (table.name, column.name) in NAMES_OF_THINGS
            assert not called_so or kept_safe or thing, f"{table.name}.{column.name}"


def test_each_sealed_column_is_read_through_its_seal():
    for mapper in Base.registry.mappers:
        parts = [v for each in mapper.class_.__mro__ for v in vars(each).values()]
        readers = [v.column for v in parts if isinstance(v, _Sealed)]
        sealed = [c.name for c in mapper.local_table.c if c.name.endswith("_sealed")]
        assert sorted(readers) == sorted(sealed), mapper.class_.__name__


@pytest.fixture
def marked(app, acme, client, work):
    """A buyer whose every detail is a mark, as a shop, a mapping, the API and a form know him."""
    first, last, email, phone, street = MARKS
    address = {"first_name": first, "last_name": last, "phone": phone, "address1": street}
    order = shopify_order(email=email, phone=phone, billing_address={**address, "city": street})
    order["customer"] = {**order["customer"], **address, "email": email}
    order["shipping_address"] = order["billing_address"]
    hook = f"/hooks/{acme.source_id}"
    assert client.post(hook, **shopify(acme.secret, "orders/paid", order)).status_code == 200
    # Not understood, and refused: kept to be looked at.
    assert client.post(hook, **shopify(acme.secret, "orders/paid", {**order, "total_price": email}))
    refused = shopify("not the secret", "orders/paid", order)
    assert client.post(hook, **refused).status_code == 401
    broken = json.dumps(order).encode()[:-1]
    headers = shopify_headers(acme.secret, "orders/paid", broken)
    assert client.post(hook, data=broken, headers=headers).status_code == 200
    _send_to_mapping(app, acme, client, order)
    activity = {
        "site_id": str(acme.site_id),
        "type": "purchase",
        "person": {"first_name": first, "last_name": last, "email": email},
        "place": {"city": street, "country": "DE"},
    }
    headers = {**acme.bearer, "Idempotency-Key": "marked"}
    assert client.post("/api/v1/activities", json=activity, headers=headers).status_code == 201
    work()


def _send_to_mapping(app, acme, client, order):
    """A mapping that does arithmetic on a name, one whose type is an address: what is complained
    of is kept beside the delivery."""
    for target, expression in (("amount", "floor(customer.first_name)"), ("type", "email")):
        mapping = {"type": "'purchase'", target: expression}
        source_id, secret = source_of_kind(app, acme, "custom", mapping)
        body = json.dumps(order).encode()
        headers = {"X-Signature": f"sha256={hmac_sha256_hex(secret, body)}"}
        answer = client.post(f"/hooks/{source_id}", data=body, headers=headers)
        assert answer.status_code == 200, answer.text


def test_a_buyer_leaves_no_mark_in_any_plain_column(marked, owner):
    found, verdicts = [], set()
    with owner.connect() as connection:
        for table in TABLES.values():
            for row in connection.execute(select(table)).mappings():
                verdicts.add(row.get("verdict"))
                for name, value in row.items():
                    shown = value.decode("latin1") if isinstance(value, bytes) else str(value)
                    found += [(table.name, name, mark) for mark in MARKS if mark in shown]
    assert {"accepted", "failed", "refused"} <= verdicts
    assert found == []


def test_a_buyer_leaves_no_mark_in_redis_or_the_log(marked, app, capfd):
    redis = app.extensions["candor_redis"]
    kept = " ".join(str(redis.dump(key)) + str(key) for key in redis.keys("*"))
    captured = capfd.readouterr()
    written = captured.out + captured.err + kept
    assert [mark for mark in MARKS if mark in written] == []
