"""The command line `joulehouse`: thin, one module per group, over the same functions that the assets call."""

from pipelines.cli.application import main

__all__ = ["main"]
