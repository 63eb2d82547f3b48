"""Alembic's environment: steps run on the connection that `warehouse.schema.migrate` has locked."""

from alembic import context

from warehouse.derived_tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
