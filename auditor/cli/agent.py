"""``auditor run`` without ``--now``: the agent, until SIGTERM."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.cli.exits import Exit, Failure

if TYPE_CHECKING:
    from auditor.agent.service import Agent
    from auditor.config.server import Server


def run_agent(config: Path | None) -> int:
    """Check everything that can be checked, start the agent, and return when it has stopped.

    Raises:
        Failure: the configuration has faults, the ledger can't be opened, or the site's port is taken.
    """
    from auditor.agent import logs
    from auditor.agent.service import Agent
    from auditor.cli import load
    from auditor.cli.config import problems
    from auditor.config.verify import lacking
    from auditor.ledger.ledger import Ledger

    settings = load.settings(config, needed=True)
    path = config or load.default_config()
    if found := problems(settings) + lacking(settings):
        raise Failure("\n".join(f"{path}: {problem}" for problem in found))
    load.clusters(settings, [])
    server = settings.server if settings.server and settings.server.enabled else None
    if not settings.schedules and server is None:
        raise Failure(f"{path}: the agent has nothing to do: expected at least one [[schedules]] table, or [server]")
    load.ensure_writable(settings.report.directory, "reports", "[report] directory")
    checks = load.checks(settings.checks.folders, [])
    logs.set_up()
    with Ledger.open(settings.ledger_url()) as ledger:
        agent = Agent(settings, checks, ledger)
        agent.listen_to_signals()
        with _site(server, agent):
            agent.start()
            agent.run_until_stopped()
    return Exit.OK


@contextmanager
def _site(server: "Server | None", agent: "Agent") -> Iterator[None]:
    """Serve the web site in the block, if there is to be one."""
    if server is None:
        yield
        return
    from auditor.agent.web.server import Site, SiteError

    site = Site(server, agent)
    try:
        site.start()
    except SiteError as error:
        raise Failure(str(error)) from None
    try:
        yield
    finally:
        site.stop()
