"""The pages: what is asked of the ledger for each, and which template shows it."""

from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from auditor.agent.schedules import clusters_of
from auditor.agent.service import Agent
from auditor.agent.web.answers import language_of, page, parts_of, speaker_for
from auditor.agent.web.search import LONGEST_WORDS, STATES, Search, find
from auditor.agent.web.trend import trend_of
from auditor.agent.web.view import ClusterCard, Teller, UnderWay, cluster_url, open_by_severity
from auditor.agent.web.words import DELIVERY_STATES, LIFE_STATES, RUN_STATES
from auditor.config.clusters import Cluster
from auditor.facts.text import t
from auditor.judge.verdicts import Severity
from auditor.ledger.overview import LifeCount
from auditor.ledger.records import DeliveryState, LifeState, RunState
from auditor.report.formats import FORMATS, Report
from auditor.report.model import Word
from auditor.report.page import SCREEN
from auditor.report.view import finding_view
from auditor.report.words import SEVERITIES

_PER_PAGE = 50
_SIGHTINGS = 60
"""Runs that are looked through for a finding."""
_TREND_RUNS = 120
_SMALL_TREND = (180.0, 40.0, 30)
_LARGE_TREND = (640.0, 120.0, 60)
_LISTED = 200
"""Findings of one run that its page lists; the report has all."""


def clusters(request: Request) -> Response:
    """Show all clusters at a glance."""
    agent = parts_of(request).agent
    tell = _teller(request)
    counts = agent.ledger.overview.life_counts()
    configured = [one.name for one in agent.settings.clusters]
    due = agent.schedules.next_times()
    delivered = agent.ledger.delivery_counts()
    return page(
        request,
        "clusters",
        clusters=[_card(agent, tell, one.name, counts) for one in agent.settings.clusters],
        others=[(name, cluster_url(name)) for name in agent.ledger.overview.clusters() if name not in configured],
        schedules=[tell.schedule(one, due.get(one.name)) for one in agent.settings.schedules],
        dead=sum(number for (_channel, state), number in delivered.items() if state is DeliveryState.DEAD),
        may_run=parts_of(request).settings.run_now,
        progress_key=_progress_key(agent),
    )


def cluster(request: Request) -> Response:
    """Show one cluster: its trend, what is open, its runs."""
    agent = parts_of(request).agent
    tell = _teller(request)
    name = request.path_params["name"]
    runs = agent.ledger.overview.runs(name, (), 20)
    if not runs and _configured(agent, name) is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    card = _card(agent, tell, name, agent.ledger.overview.life_counts(), _LARGE_TREND)
    found = find(agent.ledger.overview, Search(cluster=name), (name,), tell.speaker.translate, _PER_PAGE, 0)
    return page(
        request,
        "cluster",
        card=card,
        trend_runs=[tell.run(run) for run in card.trend.runs],
        findings=[tell.finding(life) for life in found.lives],
        total=found.total,
        all_url=f"/findings?{urlencode({'cluster': name})}",
        runs=[tell.run(run) for run in runs],
        runs_url=f"/runs?{urlencode({'cluster': name})}",
        may_run=parts_of(request).settings.run_now,
        progress_key=_progress_key(agent),
    )


def runs(request: Request) -> Response:
    """Show the latest runs, and on further pages the earlier ones."""
    agent = parts_of(request).agent
    tell = _teller(request)
    name = request.query_params.get("cluster", "")
    state = request.query_params.get("state", "")
    states = (RunState(state),) if state in set(RunState) else ()
    after = agent.ledger.overview.run(request.query_params.get("after", ""))
    found = agent.ledger.overview.runs(name or None, states, _PER_PAGE + 1, after)
    older = ""
    if len(found) > _PER_PAGE:
        older = f"/runs?{urlencode({'cluster': name, 'state': state, 'after': found[_PER_PAGE - 1].id})}"
    return page(
        request,
        "runs",
        runs=[tell.run(run) for run in found[:_PER_PAGE]],
        older=older,
        is_first=after is None,
        clusters=agent.ledger.overview.clusters(),
        states=[tell.speaker.word(RUN_STATES, one.value) for one in RunState],
        chosen={"cluster": name, "state": state},
        progress_key=_progress_key(agent),
    )


def run(request: Request) -> Response:
    """Show one run: its summary, what changed, its findings and its gaps."""
    agent = parts_of(request).agent
    tell = _teller(request)
    run_id = request.path_params["run_id"]
    record = agent.ledger.overview.run(run_id)
    if record is None:
        return _not_begun(request, agent, tell, run_id)
    deliveries = agent.ledger.overview.deliveries(None, (), _PER_PAGE, run_id=record.id)
    shared: dict[str, Any] = {
        "run": tell.run(record),
        "deliveries": [tell.delivery(one) for one in deliveries],
        "progress_key": _progress_key(agent),
    }
    if record.state is not RunState.FINISHED:
        under_way = tell.under_way(record.id, record) if record.state is RunState.RUNNING else None
        return page(request, "run_unfinished", under_way=under_way, **shared)
    outcome = agent.ledger.outcome(record.id)
    view = Report(outcome, language_of(request)).view
    titles = {check.id: check.title for check in outcome.checks}
    shown = [finding for group in view.groups for finding in group.findings]
    return page(
        request,
        "run",
        view=view,
        changed=[finding for finding in shown if finding.lifecycle.key in ("new", "reopened")][:_LISTED],
        unevaluated=[finding_view(one, titles, tell.speaker) for one in outcome.unevaluated[:_LISTED]],
        findings=shown[:_LISTED],
        more=max(0, len(shown) - _LISTED),
        formats=list(FORMATS),
        report_languages=[("en", "English"), ("zh", "中文")],
        report_language=language_of(request),
        limits=SCREEN,
        fold=True,
        **shared,
    )


def findings(request: Request) -> Response:
    """Show findings of all clusters, filtered."""
    agent = parts_of(request).agent
    tell = _teller(request)
    query = request.query_params
    configured = tuple(one.name for one in agent.settings.clusters)
    search = Search(
        cluster=query.get("cluster", ""),
        severity=query.get("severity", "") if query.get("severity", "") in set(Severity) else "",
        check=query.get("check", "").strip()[:LONGEST_WORDS],
        state=query.get("state", "") if query.get("state", "") in STATES else "open",
        words=query.get("q", "").strip()[:LONGEST_WORDS],
    )
    number = _page_number(query.get("page", ""))
    found = find(agent.ledger.overview, search, configured, tell.speaker.translate, _PER_PAGE, (number - 1) * _PER_PAGE)
    chosen = {
        "cluster": search.cluster,
        "severity": search.severity,
        "check": search.check,
        "state": search.state,
        "q": search.words,
    }
    given = {name: value for name, value in chosen.items() if value and (name, value) != ("state", "open")}
    pages = max(1, -(-found.total // _PER_PAGE))

    def url(to: int) -> str:
        return f"/findings?{urlencode(given | ({'page': to} if to > 1 else {}))}"

    return page(
        request,
        "findings",
        findings=[tell.finding(life) for life in found.lives],
        total=found.total,
        is_cut=found.is_cut,
        chosen=chosen,
        is_filtered=bool(given),
        clusters=configured,
        checks=sorted({one.check for one in agent.ledger.overview.life_counts()} | {one.id for one in agent.checks}),
        severities=[tell.speaker.word(SEVERITIES, one) for one in Severity],
        states=[*(tell.speaker.word(LIFE_STATES, one) for one in STATES[:-1]), _all(tell)],
        number=number,
        pages=pages,
        earlier=url(min(number - 1, pages)) if number > 1 else "",
        later=url(number + 1) if number < pages else "",
    )


def finding(request: Request) -> Response:
    """Show the life of one finding."""
    agent = parts_of(request).agent
    tell = _teller(request)
    lives = agent.ledger.overview.lives_of(request.path_params["fingerprint"])
    if asked := request.query_params.get("cluster", ""):
        lives = [life for life in lives if life.cluster == asked]
    if not lives:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    life = lives[0]
    sightings = agent.ledger.overview.sightings(life.cluster, life.fingerprint, _SIGHTINGS)
    return page(
        request,
        "finding",
        life=tell.life(life, sightings),
        among=_SIGHTINGS,
        others=[tell.finding(one) for one in lives[1:]],
    )


def deliveries(request: Request) -> Response:
    """Show what was delivered, what is owed and what was given up."""
    agent = parts_of(request).agent
    tell = _teller(request)
    channel = request.query_params.get("channel", "")
    state = request.query_params.get("state", "")
    states = (DeliveryState(state),) if state in set(DeliveryState) else ()
    number = _page_number(request.query_params.get("page", ""))
    found = agent.ledger.overview.deliveries(channel or None, states, _PER_PAGE + 1, (number - 1) * _PER_PAGE)
    counts = agent.ledger.delivery_counts()
    given = {name: value for name, value in (("channel", channel), ("state", state)) if value}
    return page(
        request,
        "deliveries",
        deliveries=[tell.delivery(one) for one in found[:_PER_PAGE]],
        channels=sorted({name for name, _state in counts} | {one.name for one in agent.settings.channels}),
        states=[tell.speaker.word(DELIVERY_STATES, one) for one in DeliveryState],
        totals=[
            (tell.speaker.word(DELIVERY_STATES, one), sum(n for (_, state_), n in counts.items() if state_ is one))
            for one in DeliveryState
        ],
        chosen={"channel": channel, "state": state},
        earlier=f"/deliveries?{urlencode(given | {'page': number - 1})}" if number > 1 else "",
        later=f"/deliveries?{urlencode(given | {'page': number + 1})}" if len(found) > _PER_PAGE else "",
        number=number,
    )


def progress(request: Request) -> Response:
    """Say what is under way, for the script that looks now and then."""
    agent = parts_of(request).agent
    tell = _teller(request)
    going = {
        name: one.sentence for name, run_id in agent.runs.under_way().items() if (one := _going(agent, tell, run_id))
    }
    return JSONResponse({"key": _progress_key(agent), "sentences": going})


def _not_begun(request: Request, agent: Agent, tell: Teller, run_id: str) -> Response:
    """Show a run that waits and is not recorded yet."""
    waiting = {**agent.runs.waiting(), **{one: name for name, one in agent.runs.under_way().items()}}
    if run_id not in waiting:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return page(
        request,
        "run_waiting",
        under_way=tell.under_way(run_id, None),
        cluster=waiting[run_id],
        progress_key=_progress_key(agent),
    )


def _card(
    agent: Agent,
    tell: Teller,
    name: str,
    counts: list[LifeCount],
    trend: tuple[float, float, int] = _SMALL_TREND,
) -> ClusterCard:
    configured = _configured(agent, name)
    latest = agent.ledger.latest(name)
    last_begun = next((one for one in agent.ledger.overview.runs(name, (), 1)), None)
    has_failed = last_begun is not None and last_begun.state in (RunState.FAILED, RunState.INTERRUPTED)
    open_now = open_by_severity(counts, name)
    unevaluated = sum(one.number for one in counts if one.cluster == name and one.state is LifeState.UNEVALUATED)
    shown = tell.counts(open_now)
    run_id = agent.runs.under_way().get(name, "")
    return ClusterCard(
        name=name,
        url=cluster_url(name),
        region=configured.region if configured else latest.region if latest else "",
        cluster_id=configured.cluster_id if configured else latest.cluster_id if latest else "",
        standing=tell.standing(latest, open_now, unevaluated),
        worst=shown[0].word if shown else None,
        counts=shown,
        unevaluated=unevaluated,
        suppressed=sum(
            one.number for one in counts if one.cluster == name and one.state is LifeState.OPEN and one.suppressed
        ),
        last=tell.run(latest) if latest else None,
        failed=tell.run(last_begun) if last_begun and has_failed else None,
        next=tell.when(due) if configured and (due := next_run(agent, configured)) else None,
        under_way=_going(agent, tell, run_id) if run_id else None,
        trend=trend_of(agent.ledger.trend(name, _TREND_RUNS), *trend),
        is_configured=configured is not None,
    )


def next_run(agent: Agent, cluster: Cluster) -> datetime | None:
    """Return when a schedule is due next that audits the cluster."""
    due = agent.schedules.next_times()
    moments = [due[one.name] for one in agent.settings.schedules if one.name in due and clusters_of(one, [cluster])]
    return min(moments, default=None)


def _going(agent: Agent, tell: Teller, run_id: str) -> UnderWay | None:
    record = agent.ledger.overview.run(run_id)
    if record is not None and record.state is RunState.FINISHED:
        return None
    return tell.under_way(run_id, record)


def _progress_key(agent: Agent) -> str:
    """Return what changes when a run begins or ends."""
    return " ".join([*agent.runs.under_way().values(), "|", *agent.runs.waiting()])


def _configured(agent: Agent, name: str) -> Cluster | None:
    return next((one for one in agent.settings.clusters if one.name == name), None)


def _all(tell: Teller) -> Word:
    return Word("all", tell.speaker.say(t("all")))


def _page_number(text: str) -> int:
    return min(max(int(text), 1), 100_000) if text.isascii() and text.isdecimal() and len(text) < 7 else 1


def _teller(request: Request) -> Teller:
    return Teller(speaker_for(request), {one.id: one.title for one in parts_of(request).agent.checks})
