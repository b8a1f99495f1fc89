"""Writing: a file is replaced whole or not at all, and one failure stops no other format."""

import errno
import os
from pathlib import Path
from typing import NoReturn

import pytest

from auditor.facts.landscape import ClusterIdentity
from auditor.report import csv_report, formats, html, json_report
from auditor.report.formats import FORMATS, FormatUnavailable, Report, UnknownFormat
from auditor.report.write import ReportError, folder_name, write_reports, write_whole
from tests.report import samples

OLD = b"the old report"


def test_all_formats_are_written_where_they_belong(tmp_path: Path) -> None:
    paths = write_reports(samples.outcome(), tmp_path / "new" / "reports", list(FORMATS), "en")
    assert paths == [tmp_path / "new" / "reports" / "shop-prod" / f"report.{name}" for name in FORMATS]
    assert all(path.stat().st_size for path in paths)
    assert sorted(path.name for path in paths[0].parent.iterdir()) == sorted(path.name for path in paths)


def test_a_format_named_twice_is_written_once(tmp_path: Path) -> None:
    assert len(write_reports(samples.outcome(), tmp_path, ["json", "json"], "en")) == 1


def test_unknown_format_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(UnknownFormat, match=r"'docx'.*html, pdf, json, markdown, csv"):
        write_reports(samples.outcome(), tmp_path, ["json", "docx"], "en")
    assert list(tmp_path.iterdir()) == []


def test_files_have_the_mode_that_the_umask_leaves(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        (path,) = write_reports(samples.outcome(), tmp_path, ["json"], "en")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A folder with an old report in each of three formats."""
    folder = tmp_path / "shop-prod"
    folder.mkdir()
    for name in ("html", "json", "csv"):
        (folder / f"report.{name}").write_bytes(OLD)
    return folder


@pytest.mark.parametrize(
    ("broken", "error"),
    [(html, RuntimeError("template")), (csv_report, FormatUnavailable("install it")), (json_report, OSError(5, "io"))],
)
def test_a_failing_format_leaves_its_old_file_and_the_others_are_written(
    old: Path, monkeypatch: pytest.MonkeyPatch, broken: formats.Format, error: Exception
) -> None:
    def fail(_report: Report) -> NoReturn:
        raise error

    monkeypatch.setattr(broken, "render", fail)
    with pytest.raises(ReportError) as raised:
        write_reports(samples.outcome(), old.parent, ["html", "csv", "json"], "en")
    (failure,) = raised.value.failures
    assert failure.path.read_bytes() == OLD
    assert str(error) in str(failure)
    assert str(failure.path) in str(raised.value)
    others = [path for path in old.iterdir() if path != failure.path]
    assert sorted(raised.value.written) == sorted(others)
    assert all(path.read_bytes() != OLD for path in others)
    assert len(list(old.iterdir())) == 3


def test_a_failing_template_is_named(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "make_view", lambda *_arguments: 1 / 0)
    with pytest.raises(ReportError) as raised:
        write_reports(samples.outcome(), old.parent, ["html", "json"], "en")
    assert [path.name for path in raised.value.written] == ["report.json"]
    assert "ZeroDivisionError" in str(raised.value)


@pytest.mark.parametrize(
    ("code", "todo"), [(errno.ENOSPC, "make room"), (errno.EDQUOT, "make room"), (errno.EIO, "look at that folder")]
)
def test_a_full_disk_leaves_the_old_file_and_nothing_beside_it(
    old: Path, monkeypatch: pytest.MonkeyPatch, code: int, todo: str
) -> None:
    def full(_descriptor: int) -> NoReturn:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ReportError) as raised:
        write_reports(samples.outcome(), old.parent, ["json", "csv"], "en")
    assert [failure.path.name for failure in raised.value.failures] == ["report.json", "report.csv"]
    assert todo in str(raised.value)
    assert os.strerror(code) in str(raised.value)
    assert {path.name: path.read_bytes() for path in old.iterdir()} == dict.fromkeys(
        ("report.html", "report.json", "report.csv"), OLD
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_write_permission(old: Path) -> None:
    old.chmod(0o555)
    try:
        with pytest.raises(ReportError, match="let the auditor write to"):
            write_reports(samples.outcome(), old.parent, ["json"], "en")
    finally:
        old.chmod(0o755)
    assert (old / "report.json").read_bytes() == OLD


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS])
def test_a_folder_that_can_not_be_written_to(old: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def refuse(self: Path, mode: str = "r", *_arguments: object) -> NoReturn:
        raise OSError(code, os.strerror(code), str(self))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ReportError, match="let the auditor write to"):
        write_reports(samples.outcome(), old.parent, ["json"], "en")
    monkeypatch.undo()
    assert (old / "report.json").read_bytes() == OLD
    assert len(list(old.iterdir())) == 3


def test_a_file_where_the_folder_belongs(tmp_path: Path) -> None:
    (tmp_path / "shop-prod").write_text("a file")
    with pytest.raises(ReportError, match="must be folders"):
        write_reports(samples.outcome(), tmp_path, ["json"], "en")
    assert (tmp_path / "shop-prod").read_text() == "a file"


def test_a_folder_where_the_file_belongs(tmp_path: Path) -> None:
    (tmp_path / "shop-prod" / "report.json").mkdir(parents=True)
    with pytest.raises(ReportError, match="move it away"):
        write_reports(samples.outcome(), tmp_path, ["json"], "en")
    assert [path.name for path in (tmp_path / "shop-prod").iterdir()] == ["report.json"]


def test_an_interrupt_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.json"
    path.write_bytes(OLD)

    def interrupt(_descriptor: int) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, b"new")
    assert path.read_bytes() == OLD
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(OLD)
    path = tmp_path / "report.json"
    path.symlink_to(precious)
    write_whole(path, b"new")
    assert precious.read_bytes() == OLD
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("name", ["shop-prod", "shop.prod_2", "商城-生产"])
def test_plain_names_are_folders_as_they_are(name: str) -> None:
    assert folder_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../..",
        "/etc",
        "a/b",
        "a\\b",
        "a\x00b",
        "a\nb",
        ".hidden",
        "-rf",
        "x" * 300,
        "商" * 300,
        "\ud800",
    ],
)
def test_other_names_stay_inside_the_folder(name: str, tmp_path: Path) -> None:
    made = folder_name(name)
    assert made != name
    assert (tmp_path / made).resolve().parent == tmp_path.resolve()
    assert len(made.encode()) <= 255
    assert not made.startswith((".", "-"))
    outcome = samples.outcome(cluster=ClusterIdentity(name))
    (path,) = write_reports(outcome, tmp_path, ["json"], "en")
    assert path == tmp_path / made / "report.json"


def test_two_clusters_never_share_a_folder() -> None:
    names = ["a/b", "a b", "a\\b", "a-b", "../a-b", "A/b"]
    assert len({folder_name(name) for name in names}) == len(names)
