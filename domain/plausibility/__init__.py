"""Whether what a series has shown on a UTC day is plausible: flags with their evidence. No value is ever changed.

`shape` says what is looked at of a day; `values`, `constant` and `clock` are the detectors; `siblings` is what the
other series of a device say; `judge` puts them together. Arithmetic on arrays, no database.
"""
