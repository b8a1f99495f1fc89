"""Keeps the catalogues of translations: ``python -m tools.texts update``, and ``check``.

``update`` collects the texts of the code and the templates, adds the new ones to each catalogue, keeps what is
translated and drops what is gone. ``check`` fails if that would change a catalogue, or if a text is not
translated, or not with the same places.
"""

import re
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po, write_po

from auditor.report.texts import DOMAIN, LANGUAGES, SOURCE_LANGUAGE, catalogue_file

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("auditor", "checks", "report_templates")
KEYWORDS = {"t": None, "translate": None, "_": None, "gettext": None}
_PLACE = re.compile(r"\{\w+\}")
_HEADER = """\
# The texts of the ACK auditor. `python -m tools.texts update` adds what is new and drops what is gone.
msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Language: {language}\\n"

"""


def extract(root: Path = ROOT) -> list[str]:
    """Return all texts of the code and the templates, in order."""
    with (root / "babel.cfg").open(encoding="utf-8") as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]
    found = extract_from_dir(
        root, methods, options, keywords=KEYWORDS, directory_filter=lambda folder: _is_searched(Path(folder), root)
    )
    texts = {text if isinstance(text, str) else text[0] for _file, _line, text, _comments, _context in found}
    return sorted(texts - {""})


def render(texts: list[str], catalogue: Catalog, language: str) -> str:
    """Return the catalogue file for these texts, with the translations of ``catalogue``. No dates, no lines."""
    fresh = Catalog(locale=language)
    for text in texts:
        known = catalogue.get(text)
        fresh.add(text, known.string if known else "", flags=("fuzzy",) if known and known.fuzzy else ())
    for message in fresh:
        message.flags &= {"fuzzy"}
    buffer = BytesIO()
    write_po(buffer, fresh, width=0, no_location=True, omit_header=True, sort_output=True)
    return _HEADER.format(language=language) + buffer.getvalue().decode()


def read(language: str) -> Catalog:
    """Return the catalogue of a language; an empty one if there is none yet."""
    path = catalogue_file(language)
    if not path.exists():
        return Catalog(locale=language)
    with path.open("rb") as file:
        return read_po(file, locale=language, domain=DOMAIN)


def problems(texts: list[str], language: str) -> Iterator[str]:
    """Yield what is wrong with the catalogue of a language."""
    path = catalogue_file(language)
    catalogue = read(language)
    current = path.read_text(encoding="utf-8") if path.exists() else ""
    if render(texts, catalogue, language) != current:
        yield f"{path.relative_to(ROOT)} is not up to date: run `python -m tools.texts update`"
    for text in texts:
        message = catalogue.get(text)
        if message is None or not message.string:
            yield f"{language}: not translated: {text!r}"
        elif message.fuzzy:
            yield f"{language}: marked as fuzzy: {text!r}"
        elif set(_PLACE.findall(str(message.string))) != set(_PLACE.findall(text)):
            yield f"{language}: other places than in English: {text!r}"


def main(arguments: list[str]) -> int:
    """Run ``update`` or ``check``; return the exit code: 0 in order, 1 not, 2 wrong usage."""
    texts = extract() if arguments in (["update"], ["check"]) else []
    languages = [language for language in LANGUAGES if language != SOURCE_LANGUAGE]
    if arguments == ["update"]:
        for language in languages:
            path = catalogue_file(language)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(render(texts, read(language), language), encoding="utf-8")
        return 0
    if arguments == ["check"]:
        found = [problem for language in languages for problem in problems(texts, language)]
        print("\n".join(found) or f"{len(texts)} texts, all translated")
        return 1 if found else 0
    print("usage: python -m tools.texts update|check", file=sys.stderr)
    return 2


def _is_searched(folder: Path, root: Path) -> bool:
    parts = folder.relative_to(root).parts
    return (not parts or parts[0] in FOLDERS) and not any(part.startswith((".", "__")) for part in parts)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
