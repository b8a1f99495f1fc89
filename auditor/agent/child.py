"""Runs one audit in a process of its own.

A process can be ended when its time is up, gives all its memory back, and leaves the web site its processor time; a
thread can do none of that.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection, wait
from time import monotonic

from auditor.config.clusters import Cluster
from auditor.config.settings import Settings
from auditor.facts.table import Reason, ReasonKind
from auditor.facts.text import Text, t
from auditor.judge.outcome import Outcome
from auditor.own_fault import own_fault

_PATIENCE = 5.0
"""Seconds between asking a process to end and ending it."""


class NotAudited(Exception):  # noqa: N818 - read as a sentence
    """An audit came to no outcome. Carries why, as it is to stand in a report."""

    def __init__(self, reasons: Sequence[Reason]) -> None:
        """Take the reasons; there is at least one."""
        super().__init__("; ".join(reason.message.render() for reason in reasons))
        self.reasons = tuple(reasons)


class Interrupted(Exception):  # noqa: N818 - read as a sentence
    """An audit was ended because the agent ends."""


@dataclass(frozen=True)
class Job:
    """One audit that is asked for. ``checks`` are patterns; ``trigger`` is as it stands in the report."""

    run_id: str
    cluster: Cluster
    checks: tuple[str, ...]
    trigger: str
    started_at: datetime
    deadline_seconds: float


def audit_in_child(job: Job, settings: Settings, stop: threading.Event) -> Outcome:
    """Audit in a new process, and return the outcome.

    Raises:
        NotAudited: neither side can be read, the configuration is wrong, the deadline is over, or the process died.
        Interrupted: ``stop`` was set.
    """
    context = multiprocessing.get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(
        target=_audit, args=(sending, job, settings), name=f"audit-{job.cluster.name}", daemon=True
    )
    process.start()
    sending.close()
    try:
        return _awaited(process.sentinel, receiving, job, stop)
    finally:
        _end(process)
        receiving.close()


def _awaited(sentinel: int, receiving: Connection, job: Job, stop: threading.Event) -> Outcome:
    until = monotonic() + job.deadline_seconds
    while not stop.is_set():
        left = until - monotonic()
        if left <= 0:
            raise NotAudited([_reason(ReasonKind.TIMEOUT, _too_long(job))])
        ready = wait([receiving, sentinel], timeout=min(left, 0.2))
        if receiving in ready or (sentinel in ready and receiving.poll()):
            return _received(receiving)
        if sentinel in ready:
            raise NotAudited([_reason(ReasonKind.ERROR, t("the process of the audit ended without an outcome"))])
    raise Interrupted


def _received(receiving: Connection) -> Outcome:
    try:
        found = receiving.recv()
    except (EOFError, OSError):
        raise NotAudited([_reason(ReasonKind.ERROR, t("the process of the audit ended without an outcome"))]) from None
    if isinstance(found, Outcome):
        return found
    raise NotAudited(found)


def _too_long(job: Job) -> Text:
    return t(
        "the audit took longer than {seconds} seconds and was given up (deadline_seconds of its schedule)",
        seconds=f"{job.deadline_seconds:g}",
    )


def _reason(kind: ReasonKind, message: Text) -> Reason:
    return Reason("auditor", kind, message)


def _end(process: multiprocessing.process.BaseProcess) -> None:
    process.join(_PATIENCE if process.exitcode is None and not process.is_alive() else 0.2)
    if process.is_alive():
        process.terminate()
        process.join(_PATIENCE)
    if process.is_alive():
        process.kill()
        process.join()


def _audit(sending: Connection, job: Job, settings: Settings) -> None:
    """Be the process: audit, and send the outcome or the reasons why there is none."""
    # Ctrl-C reaches the whole group of processes; it is the agent that decides what is ended.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    sending.send(_outcome(job, settings))
    sending.close()
    os._exit(0)  # calls that are still under way are not waited for


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _outcome(job: Job, settings: Settings) -> Outcome | list[Reason]:
    from auditor.agent.audit import NothingReadable, Watcher, audit, collect_live  # noqa: PLC0415 - heavy
    from auditor.collect.errors import ConfigError  # noqa: PLC0415
    from auditor.config.base import BadConfig  # noqa: PLC0415
    from auditor.judge.check import BadCheck  # noqa: PLC0415
    from auditor.judge.registry import UnknownCheck, load_checks, select  # noqa: PLC0415

    watcher = Watcher()
    try:
        known = load_checks(settings.checks.folders)
        checks = select(known, job.checks)
        landscape = collect_live(job.cluster, checks, watcher)
        return audit(
            landscape,
            checks,
            settings.suppressions,
            job.trigger,
            watcher,
            job.started_at,
            job.run_id,
            by_annotation=job.cluster.suppress_by_annotation,
            known=known,
        )
    except NothingReadable as error:
        return list(error.reasons)
    except (BadCheck, BadConfig, ConfigError, UnknownCheck) as error:
        return [_reason(ReasonKind.ERROR, t("{error}", error=str(error)))]
    except Exception as error:  # noqa: BLE001 - whatever it is, it is reported, and the agent goes on
        return [_reason(ReasonKind.ERROR, t("this is a fault of the auditor itself: {error}", error=own_fault(error)))]
