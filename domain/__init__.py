"""MEANING: what a window, a series, a payload, a measurement and a failure are.

Belongs here: values and promises that every other package uses. Never here: anything that talks to a network, a
database or Dagster. This package imports the standard library, NumPy, pandas and tzdata, and nothing
of ours.
"""
