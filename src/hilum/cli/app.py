"""All commands in one place, and what becomes of an error.

Exit codes: 0 done, 1 the answer is no, 2 what the user gave is wrong (one message, no traceback), 130 and 143
stopped by Ctrl-C and SIGTERM.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import typer
import typer.core

from hilum.cli.augment import augment
from hilum.cli.check import check
from hilum.cli.compare import compare
from hilum.cli.data_report import data_report
from hilum.cli.demo import demo
from hilum.cli.doctor import doctor
from hilum.cli.ensemble import ensemble
from hilum.cli.features import embed, similar
from hilum.cli.heads import heads
from hilum.cli.models import models
from hilum.cli.noise import noise
from hilum.cli.options import with_options
from hilum.cli.pack import pack
from hilum.cli.phantom import phantom
from hilum.cli.plugins import OPTION, split_plugins
from hilum.cli.renamed import BY_PLACE, asked, renamed, with_place
from hilum.cli.runs import runs
from hilum.cli.scoring import evaluate, predict, report
from hilum.cli.settings import recipes, settings
from hilum.cli.show import names_are_text
from hilum.cli.sources import arrange, sources
from hilum.cli.training import reproduce, train
from hilum.errors import HilumError, Stopped
from hilum.plugins import using
from hilum.progress import heartbeat, on_screen, say
from hilum.text import visible
from hilum.version import __version__

COMMANDS: dict[str, tuple[Callable[..., Any] | typer.Typer, ...]] = {
    "Start": (demo, recipes, settings),
    "Data": (phantom, sources, doctor, pack, check, data_report, arrange, augment),
    "Training": (models, train, runs, reproduce),
    "Features": (embed, similar, heads, noise),
    "Scores": (evaluate, compare, report, predict, ensemble),
}
"""Heading in `hilum --help` -> its commands, in the order in which a user meets them."""

_EVERY_COMMAND = f"Every command takes {OPTION} FILE: parts of your own, see docs/extending.md."

_USAGE_ERROR: Any = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")
"""What a wrong command line raises: click's own class, or from typer 0.29 on that of typer's copy of click."""

_OF_THE_SYSTEM = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE)
"""What the system refuses for reasons of its own, wherever it comes: no fault of hilum to be traced back."""


class Terminated(KeyboardInterrupt):
    """SIGTERM came."""


class _Commands(typer.core.TyperGroup):
    """Turns an interruption into one message: what is kept, and how to go on."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            told = getattr(
                error, "__notes__", ["What was there before is as it was; give the same command again."]
            )
            number = signal.SIGTERM if isinstance(error, Terminated) else signal.SIGINT
            raise Stopped(f"stopped. {' '.join(told)}", 128 + number) from error


def make_app(name: str = "") -> typer.Typer:
    """The typer application with every command; options are made of the one that is named alone."""
    app = typer.Typer(
        name="hilum",
        cls=_Commands,
        help="A lab bench for chest X-ray classifiers. Not a medical device.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
    )
    app.callback()(_options)
    for heading, functions in COMMANDS.items():
        for function in functions:
            if isinstance(function, typer.Typer):
                app.add_typer(function, rich_help_panel=heading)
                continue
            called = function.__name__.replace("_", "-")
            command = with_options(function) if called == name else _named(function)
            if called == name and name in BY_PLACE:
                command = with_place(command)
            app.command(called, rich_help_panel=heading, epilog=_EVERY_COMMAND)(command)
    return app


@names_are_text()
@on_screen()
def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        given, plugins = split_plugins(given)
        given = renamed(given)
        with _terminable(), _heartbeat(given), using(plugins):
            # color: click is not to cut escape sequences out of names off a terminal; they are shown everywhere.
            app = make_app(asked(given))
            result = app(args=given, prog_name="hilum", standalone_mode=False, color=True)
            sys.stdout.flush()
    except HilumError as error:
        say(str(error))
        return error.exit_code
    except typer.Abort:
        say("stopped")
        return 130
    except _USAGE_ERROR as error:
        return _misused(error)
    except BrokenPipeError:
        return _unread()
    except OSError as error:
        if error.errno not in _OF_THE_SYSTEM:
            raise
        what = error.filename or "what was printed, or a file,"
        say(f"{what} could not be read or written: {error.strerror}.")
        return 2
    except SystemExit as error:  # click's and Rich's way of saying that nobody reads standard output
        if not isinstance(error.__context__, OSError):
            raise
        return _unread()
    return result if isinstance(result, int) else 0


def _named(function: Callable[..., Any]) -> Callable[[], None]:
    """A command that is only listed."""

    def listed() -> None:
        pass

    listed.__doc__ = function.__doc__
    return listed


def _misused(error: Any) -> int:
    """One message for a command line that is wrong; the help where there was no command at all."""
    context = error.ctx
    if context is None or type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        return 2
    message = visible(error.format_message(), keep="\n").rstrip(".")
    say(f"{message}. `{context.command_path} --help` shows what it takes.")
    return 2


@contextmanager
def _terminable() -> Iterator[None]:
    """Within the block, SIGTERM stops a command as Ctrl-C does, so that nothing half-done is left."""

    def stop(*_: object) -> None:
        raise Terminated

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)


def _heartbeat(given: Sequence[str]) -> AbstractContextManager[None]:
    return nullcontext() if "--quiet" in given else heartbeat(" ".join(["hilum", *given[:1]]))


def _unread() -> int:
    """Whoever read standard output has closed it, as in `hilum runs | head`: that is no error."""
    # Else Python would complain when it empties what is buffered at its end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 0


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


def _options(
    version: bool = typer.Option(
        False, "--version", help="Show the version.", callback=_show_version, is_eager=True
    ),
    plugin: list[str] = typer.Option(
        [],
        OPTION,
        help="A Python file with parts of your own, for any command; may be repeated. See docs/extending.md.",
    ),
) -> None:
    pass
