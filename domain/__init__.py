"""MEANING: what a window, a series, a payload, a measurement and a failure are.

Belongs here: values and promises that every other room speaks in. Never here: anything that talks to a network, a
database or Dagster. This room imports the standard library, NumPy, pandas and tzdata, and nothing
of ours.
"""
