"""The label's words in the official languages of the European Union."""

from typing import NamedTuple


class LabelText(NamedTuple):
    """One language: its own name, the abbreviation people know for AI, and "modified" said of a picture."""

    name: str
    mark: str
    word: str

    @property
    def text(self) -> str:
        """What the label says, as one line."""
        return f"{self.mark} {self.word}"


LANGUAGES: dict[str, LabelText] = {
    "en": LabelText("English", "AI", "MODIFIED"),
    "bg": LabelText("Български", "ИИ", "ПРОМЕНЕНО"),
    "cs": LabelText("Čeština", "AI", "UPRAVENO"),
    "da": LabelText("Dansk", "AI", "ÆNDRET"),
    "de": LabelText("Deutsch", "KI", "VERÄNDERT"),
    "el": LabelText("Ελληνικά", "ΤΝ", "ΤΡΟΠΟΠΟΙΗΜΕΝΟ"),
    "es": LabelText("Español", "IA", "MODIFICADO"),
    "et": LabelText("Eesti", "TI", "MUUDETUD"),
    "fi": LabelText("Suomi", "AI", "MUOKATTU"),
    "fr": LabelText("Français", "IA", "MODIFIÉ"),
    "ga": LabelText("Gaeilge", "AI", "ATHRAITHE"),
    "hr": LabelText("Hrvatski", "AI", "IZMIJENJENO"),
    "hu": LabelText("Magyar", "MI", "MÓDOSÍTVA"),
    "it": LabelText("Italiano", "IA", "MODIFICATO"),
    "lt": LabelText("Lietuvių", "DI", "PAKEISTA"),
    "lv": LabelText("Latviešu", "MI", "PĀRVEIDOTS"),
    "mt": LabelText("Malti", "IA", "MMODIFIKAT"),
    "nl": LabelText("Nederlands", "AI", "BEWERKT"),
    "pl": LabelText("Polski", "AI", "ZMODYFIKOWANO"),
    "pt": LabelText("Português", "IA", "MODIFICADO"),
    "ro": LabelText("Română", "IA", "MODIFICAT"),
    "sk": LabelText("Slovenčina", "AI", "UPRAVENÉ"),
    "sl": LabelText("Slovenščina", "UI", "SPREMENJENO"),
    "sv": LabelText("Svenska", "AI", "ÄNDRAD"),
}
