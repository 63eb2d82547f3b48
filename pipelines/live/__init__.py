"""Listening all day: streams into the hypertable, gaps marked, and the export asked to fill them.

Belongs here: what runs without a schedule and without Dagster, until it is stopped. Never here: a
provider's vocabulary, SQL, HTTP.
"""
