"""Dagster's webserver behind a guard: who reaches the UI, from which page, and by which kind of request.

`python -m pipelines.webserver` starts it; `joulehouse ui` and `docker-compose.yml` do.
"""
