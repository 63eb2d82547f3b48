"""Steps of the schema. Each is reviewed, is one sentence, and is never edited once it has left the house.

Belongs here: alembic's environment and `versions/`. Never here: anything that reads or writes points.
"""
