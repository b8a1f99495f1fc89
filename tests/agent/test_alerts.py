"""Refreshing alerts beside a sender."""

import threading
from pathlib import Path

from auditor.config.channels import Alertmanager
from auditor.deliver.alertmanager import open_channel
from tests.agent.agents import Audits, agent, settings
from tests.agent.test_runs import until
from tests.deliver.receivers import Receiver


def test_what_is_over_is_not_brought_back_by_a_refresh_that_was_under_way(tmp_path: Path) -> None:
    """While one is being sent to an Alertmanager the other waits, and then reads anew what is open."""
    with Receiver() as receiver:
        text = f"[server]\n[[channels]]\nname='alerts'\nkind='alertmanager'\nurl='{receiver.base}'\n"
        audits = Audits(volumes={"shop": ["a"]})
        with agent(settings(text, tmp_path), audits) as made:
            made.run_now()
            assert made.runs.wait(10)
            until(lambda: made.sender.send_due() == 0)
            (channel,) = made.settings.channels
            assert isinstance(channel, Alertmanager)
            with made.sender.alone("alerts"):
                refreshing = threading.Thread(target=made.alerts.refresh, args=[channel, open_channel(channel)])
                refreshing.start()
                audits.volumes["shop"] = []
                made.run_now()
                assert made.runs.wait(10)
            refreshing.join(10)
        assert len(receiver.requests) == 1, "nothing is open any more"
