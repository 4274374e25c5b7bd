"""The command line: one small file per group of commands.

Nothing heavy is imported before a command runs, so that `hilum --help` answers at once.
"""

from hilum.cli.app import main

__all__ = ["main"]
