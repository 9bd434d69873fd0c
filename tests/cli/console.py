"""The command line, as somebody types it, in this process."""

from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner, Result

from shared.cli import main
from tests.databases import environ_for
from tests.world import World


@dataclass(frozen=True)
class Console:
    """Runs commands with an environment. Commands keep nothing open between them."""

    environ: dict[str, str]

    def setting(self, **more: str) -> "Console":
        """The same with other settings."""
        return Console(self.environ | more)

    def run(self, *words: str | Path, typed: str = "") -> Result:
        """One command, and what is typed at its questions. A bug rises."""
        return CliRunner().invoke(
            main, [str(word) for word in words], input=typed, env=self.environ, catch_exceptions=False
        )

    def does(self, *words: str | Path, typed: str = "") -> str:
        """The same, for a command that must end well; gives what it says."""
        result = self.run(*words, typed=typed)
        assert result.exit_code == 0, result.output
        return result.output

    def refuses(self, *words: str | Path, code: int = 1, typed: str = "") -> str:
        """The same, for a command that must end with that exit code."""
        result = self.run(*words, typed=typed)
        assert result.exit_code == code, result.output
        return result.output


def console_of(world: World) -> Console:
    """The command line of a world's installation."""
    settings = world.settings
    mail = {"MAIL_SERVER": "127.0.0.1", "MAIL_PORT": str(world.post.port)}
    return Console(environ_for(settings.database_url, settings.instance_path, **mail))
