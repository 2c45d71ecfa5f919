"""The languages in which visitors are spoken to: BCP 47 code and the language's own name."""

LANGUAGES = {
    "en": "English",
    "de": "Deutsch",
    "fr": "Français",
    "es": "Español",
    "it": "Italiano",
    "pt": "Português",
    "nl": "Nederlands",
    "pl": "Polski",
    "sv": "Svenska",
    "da": "Dansk",
    "nb": "Norsk bokmål",
    "cs": "Čeština",
    "ja": "日本語",
    "ar": "العربية",
    "he": "עברית",
}
