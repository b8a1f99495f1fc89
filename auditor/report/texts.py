"""The translations: English texts to those of another language, from the gettext catalogues beside this module."""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

DOMAIN = "auditor"
LOCALE_FOLDER = Path(__file__).with_name("locale")
SOURCE_LANGUAGE = "en"
LANGUAGES = (SOURCE_LANGUAGE, "zh")


def translator(language: str) -> Callable[[str], str]:
    """Return the function that maps an English text to one of another language.

    A text without translation (of an operator's own check, say) stays English. Raises ValueError for a language
    that is not offered.
    """
    if language not in LANGUAGES:
        raise ValueError(f"no texts in {language!r}; there are: {', '.join(LANGUAGES)}")
    if language == SOURCE_LANGUAGE:
        return str
    catalogue = _read(language)

    def translate(text: str) -> str:
        return catalogue.get(text, text)

    return translate


def catalogue_file(language: str) -> Path:
    """Return the catalogue of a language."""
    return LOCALE_FOLDER / language / "LC_MESSAGES" / f"{DOMAIN}.po"


@cache
def _read(language: str) -> Mapping[str, str]:
    from babel.messages.pofile import read_po  # noqa: PLC0415 - heavy, and English needs none of it

    with catalogue_file(language).open("rb") as file:
        catalogue = read_po(file, locale=language, domain=DOMAIN)
    return {str(message.id): str(message.string) for message in catalogue if message.string and not message.fuzzy}
