"""The `emel` command as its own parser knows it: commands, arguments and options."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import distribution
from typing import Any, Final, NamedTuple, Protocol

import typer.main

_KINDS: Final[dict[type, str]] = {int: "INTEGER", float: "NUMBER"}


class Parameter(NamedTuple):
    """One argument or option of a command."""

    spelled: str
    """`FILE`, `[FILE]` or `FILE...`, or the options that mean the same: `--memory-limit`."""
    takes: str
    """What follows an option: `SIZE`, `TEXT`, `INTEGER>=1`; empty for a flag and an argument."""
    default: str
    """Empty where there is none."""
    required: bool
    help: str

    @property
    def is_option(self) -> bool:
        """Whether it begins with dashes."""
        return self.spelled.startswith("-")


class _Argument(Protocol):
    """What is asked of typer's own argument."""

    @property
    def name(self) -> str: ...
    @property
    def nargs(self) -> int: ...
    @property
    def required(self) -> bool: ...


class Command(NamedTuple):
    """One command."""

    name: str
    """`emel load`; the program itself is `emel`."""
    help: str
    parameters: tuple[Parameter, ...]

    @property
    def usage(self) -> str:
        """How it is written, on one line."""
        words = [
            f"[{p.spelled} {p.takes}".rstrip() + "]" if p.is_option else p.spelled
            for p in self.parameters
        ]
        return " ".join((self.name, *words))


def parser() -> Any:  # typer's own types are its library's private ones
    """Find the parser of `emel`, in the module that the command of the distribution names."""
    (entry,) = distribution("emel").entry_points.select(group="console_scripts", name="emel")
    return typer.main.get_command(import_module(entry.module).app)


def commands() -> tuple[Command, ...]:
    """Ask the parser of `emel` for all that it takes."""
    program = parser()
    context = program.make_context("emel", [], resilient_parsing=True)
    found = [_command("emel", program, context)]
    for name in program.list_commands(context):
        command: Any = program.get_command(context, name)
        inner = command.make_context(name, [], resilient_parsing=True)
        found.append(_command(f"emel {name}", command, inner))
    return tuple(found)


def _command(name: str, command: Any, context: Any) -> Command:  # typer's own types
    parameters = tuple(_parameter(each, context) for each in command.params)
    return Command(name, _text(command.help), parameters)


def _parameter(parameter: Any, context: Any) -> Parameter:  # typer's own types
    is_option: bool = parameter.param_type_name == "option"
    is_flag: bool = is_option and parameter.is_flag
    kind = _KINDS.get(parameter.type_descriptor.annotation, "TEXT")
    metavar = parameter.metavar or f"{kind}{_bounds(parameter)}"
    spelled = ", ".join((*parameter.opts, *parameter.secondary_opts))
    default: object = parameter.get_default(context, call=False)
    return Parameter(
        spelled if is_option else _argument(parameter),
        "" if is_flag or not is_option else metavar,
        _default(parameter, default, is_flag=is_flag),
        parameter.required,
        _text(getattr(parameter, "help", None)),
    )


def _argument(parameter: _Argument) -> str:
    """Spell an argument: in brackets if it may be left out, with dots if there may be several."""
    spelled = parameter.name.upper() + "..." * (parameter.nargs != 1)
    return spelled if parameter.required else f"[{spelled}]"


def _default(parameter: object, default: object, *, is_flag: bool) -> str:
    """Spell what an option is if it isn't given, and the variable that is asked then."""
    told = "" if default is None or (is_flag and default is False) else str(default)
    asked: str | list[str] | None = getattr(parameter, "envvar", None)
    variables = [asked] if isinstance(asked, str) else asked or []
    return (
        " ".join((*(f"${each}, or" for each in variables), told or "nothing"))
        if variables
        else told
    )


def _bounds(parameter: object) -> str:
    """Spell the least and the most that a number may be: `>=1`."""
    limits = ((">=", getattr(parameter, "min", None)), ("<=", getattr(parameter, "max", None)))
    return ",".join(f"{sign}{limit}" for sign, limit in limits if limit is not None)


def _text(text: str | None) -> str:
    return "\n".join(line.strip() for line in (text or "").strip().splitlines())
