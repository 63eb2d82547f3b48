"""WHERE it lands: the landing zone, the tables, the load, and the embedded TimescaleDB.

Belongs here: every line of SQL, and every byte kept. Never here: HTTP, Dagster, or anything about a provider.
"""
