"""WITH WHAT: settings and lifetimes. A resource opens and closes a plain thing from downstairs and has no behaviour.

The environment is read here and nowhere else.
"""
