"""The languages in which a site can speak, by their own names."""

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
