"""The front door: ``k8snet``, one small module a command.

A command is a module in this package that defines ``command`` (a click command). Its
name is the module's, with dashes for underscores. Command modules import what is heavy
inside their functions, so that ``k8snet --help`` stays quick.
"""

from importlib import import_module
from pathlib import Path

import click

from k8snet_lessons import __version__

_FOLDER = Path(__file__).parent


class _Commands(click.Group):
    """A group that finds its commands among the modules beside it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(
            path.stem.replace("_", "-")
            for path in _FOLDER.glob("*.py")
            if not path.stem.startswith("_")
        )

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module = import_module(f"{__name__}.{cmd_name.replace('-', '_')}")
        found: click.Command = module.command
        return found


@click.group(
    cls=_Commands,
    epilog="Example:  k8snet open          opens the course in JupyterLab",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="k8snet")
def main() -> None:
    """What happens between the load balancer and your pod: the course's commands.

    Exit status: 0 when all is well, 1 when the answer is no (a check failed), 2 when the
    command could not be carried out as given.
    """
