"""Alembic's environment: as the login of DATABASE_URL, which owns the tables."""

from alembic import context
from flask import current_app

from app.core.db import Base, Guid, Moment, create_engine
from app.core.sql import Document, partitions


def render_item(kind, item, autogen_context):
    """Name our own column types in a revision."""
    if kind == "type" and isinstance(item, (Guid, Moment)):
        autogen_context.imports.add("from app.core.db import Guid, Moment")
        return f"{type(item).__name__}()"
    if kind == "type" and item is Document:
        autogen_context.imports.add("from app.core.sql import Document")
        return "Document"
    return False


def run() -> None:
    engine = create_engine(current_app.extensions["candor_settings"], role=None)
    with engine.connect() as connection:
        parts = set(partitions(connection, Base.metadata.tables))
        # Or what follows would be one transaction.
        connection.rollback()
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            compare_type=True,
            render_item=render_item,
            include_name=lambda name, kind, _parents: kind != "table" or name not in parts,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()
    engine.dispose()


run()
