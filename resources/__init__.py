"""WITH WHAT: settings and lifetimes. A resource opens and closes what providers and warehouse offer, and adds nothing.

The environment is read here and nowhere else.
"""
