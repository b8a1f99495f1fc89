"""The translations: complete, with the same places, and collected from all that is said."""

import io
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog

from auditor.facts.text import t
from auditor.judge.check import BadCheck
from auditor.judge.registry import load_checks
from auditor.report.extract import NotLiteral, extract_check
from auditor.report.texts import translator
from tools import texts as tool

KEYWORDS = ("t", "translate")


def extracted(source: str) -> list[str]:
    return [text for _line, _function, text, _comments in extract_check(io.BytesIO(source.encode()), KEYWORDS, (), {})]


@pytest.fixture(scope="module")
def all_texts() -> list[str]:
    return tool.extract()


def test_the_chinese_texts_are_complete(all_texts: list[str]) -> None:
    found = list(tool.problems(all_texts, "zh"))
    assert not found, "\n".join(found)


def test_what_checks_say_of_themselves_is_collected(all_texts: list[str]) -> None:
    said = {text for check in load_checks() for text in (check.title, check.why, *check.check.limits)}
    assert said
    assert not said - set(all_texts)


def test_templates_and_modules_are_collected(all_texts: list[str]) -> None:
    assert {"Findings", "yes", "{members} and {count} more", "critical"} <= set(all_texts)


# The translator


def test_english_is_as_in_the_code() -> None:
    assert translator("en")("yes") == "yes"


def test_chinese_is_from_the_catalogue() -> None:
    zh = translator("zh")
    assert zh("yes") == "是"
    assert t("{table} were not asked for {key}", table="pods", key="a/b").render(zh) != "pods were not asked for a/b"


def test_an_unknown_text_stays_english() -> None:
    assert translator("zh")("A text of an operator's own check") == "A text of an operator's own check"


@pytest.mark.parametrize("language", ["fr", "", "../zh", "zh_CN"])
def test_another_language_is_refused(language: str) -> None:
    with pytest.raises(ValueError, match="there are: en, zh"):
        translator(language)


# What is collected

CHECK = '''"""A disk is gone.

It was there,
and now it is not.

Nobody knows why.
"""
from auditor.judge.api import Check, t
check = Check(severity=1, causes=("S1",), since="0.1.0", symptoms=("none",), limits=("One limit.", "Two " "parts."))
def judge(disk):
    return t("disk {disk} is gone: {what}", disk=disk, what=t("no one saw it"))
'''


def test_a_check_gives_its_title_reason_limits_and_messages() -> None:
    assert extracted(CHECK) == [
        "A disk is gone",
        "It was there, and now it is not.\n\nNobody knows why.",
        "One limit.",
        "Two parts.",
        "disk {disk} is gone: {what}",
        "no one saw it",
    ]


def test_the_docstring_of_another_module_is_not_collected() -> None:
    assert extracted('"""A module.\n\nMore.\n"""\nt("one")\ncheck = load("Check")\n') == ["one"]


def test_a_check_without_reason_is_refused() -> None:
    with pytest.raises(BadCheck):
        extracted('"""Only a title."""\ncheck = Check(severity=1)\n')


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ('t("a" "b")', ["ab"]),
        ('t("a" if x else "b")', ["a", "b"]),
        ('speaker.translate("a")', ["a"]),
        ("t(key)", []),
        ("t()", []),
        ('other("a")', []),
        ("t(7)", []),
    ],
)
def test_first_arguments_are_collected(call: str, expected: list[str]) -> None:
    assert extracted(call) == expected


def test_an_f_string_is_refused() -> None:
    with pytest.raises(NotLiteral, match=":1: a text has to be a literal"):
        extracted('t(f"disk {disk}")')


# The tool


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "checks").mkdir()
    (tmp_path / "report_templates" / "partials").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "babel.cfg").write_text((tool.ROOT / "babel.cfg").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "checks" / "a.py").write_text('t("{name} is gone")\nt("yes")\n', encoding="utf-8")
    (tmp_path / "other" / "a.py").write_text('t("not ours")\n', encoding="utf-8")
    template = tmp_path / "report_templates" / "partials" / "a.html.j2"
    template.write_text('<p title="{{ _("Title") }}">{{ fill(_("{count} more"), count=1) }}</p>', encoding="utf-8")
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    monkeypatch.setattr(tool, "catalogue_file", lambda language: tmp_path / f"{language}.po")
    return tmp_path


def test_texts_are_collected_from_the_named_folders(project: Path) -> None:
    assert tool.extract(project) == ["Title", "yes", "{count} more", "{name} is gone"]


@pytest.fixture
def collected(project: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    texts = tool.extract(project)
    monkeypatch.setattr(tool, "extract", lambda: texts)
    return texts


def save(project: Path, collected: list[str], catalogue: Catalog) -> None:
    (project / "zh.po").write_text(tool.render(collected, catalogue, "zh"), encoding="utf-8")


TRANSLATED = {"Title": "标题", "yes": "是", "{count} more": "另有 {count} 个", "{name} is gone": "{name} 已消失"}


def catalogue_of(strings: dict[str, str], *fuzzy: str) -> Catalog:
    catalogue = Catalog(locale="zh")
    for text, string in strings.items():
        catalogue.add(text, string, flags=("fuzzy",) if text in fuzzy else ())
    return catalogue


def test_a_new_catalogue_is_made_and_not_yet_in_order(
    project: Path, collected: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert tool.main(["check"]) == 1
    assert tool.main(["update"]) == 0
    assert tool.main(["check"]) == 1
    assert "not translated: 'Title'" in capsys.readouterr().out


def test_a_complete_catalogue_is_in_order_and_stays_the_same(project: Path, collected: list[str]) -> None:
    save(project, collected, catalogue_of(TRANSLATED))
    before = (project / "zh.po").read_bytes()
    assert tool.main(["check"]) == 0
    assert tool.main(["update"]) == 0
    assert (project / "zh.po").read_bytes() == before
    assert b"Date" not in before


def test_what_is_gone_is_dropped_and_what_is_new_is_added(project: Path, collected: list[str]) -> None:
    save(project, collected, catalogue_of(TRANSLATED))
    collected.remove("Title")
    collected.append("new")
    assert list(tool.problems(collected, "zh")) == [
        "zh.po is not up to date: run `python -m tools.texts update`",
        "zh: not translated: 'new'",
    ]
    tool.main(["update"])
    content = (project / "zh.po").read_text(encoding="utf-8")
    assert "标题" not in content
    assert 'msgid "new"\nmsgstr ""' in content
    assert "{name} 已消失" in content


@pytest.mark.parametrize("string", ["已消失", "{nom} 已消失", "{name} {other} 已消失"])
def test_other_places_than_in_english_are_told(project: Path, collected: list[str], string: str) -> None:
    save(project, collected, catalogue_of(TRANSLATED | {"{name} is gone": string}))
    assert list(tool.problems(collected, "zh")) == ["zh: other places than in English: '{name} is gone'"]


def test_a_fuzzy_translation_is_told(project: Path, collected: list[str]) -> None:
    save(project, collected, catalogue_of(TRANSLATED, "yes"))
    assert list(tool.problems(collected, "zh")) == ["zh: marked as fuzzy: 'yes'"]


@pytest.mark.parametrize("arguments", [[], ["other"], ["update", "check"]])
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert tool.main(arguments) == 2
    assert "usage" in capsys.readouterr().err
