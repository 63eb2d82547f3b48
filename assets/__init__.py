"""WHAT exists: one factory for every source, its checks, and a folder with a `defs.yaml` per source.

Belongs here: what an asset is and what a failure means to Dagster. Never here: SQL, HTTP, a provider's insides.
"""
