"""The command line `joulehouse`: thin, one module per group, over the same functions that the assets call."""

from pipelines.command_line.application import main

__all__ = ["main"]
