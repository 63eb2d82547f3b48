"""HOW to ask: one folder per provider, and the one module that speaks HTTP.

Belongs here: what a provider really says (`wire.py`), how to ask it (`client.py`), what its answers mean
(`normalize.py`), and the facts about it (`spec.py`). Never here: SQL, Dagster, environment variables, another provider.
"""
