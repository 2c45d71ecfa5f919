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

# The same in English, for sentences about a language.
ENGLISH_NAMES = {
    "en": "English",
    "de": "German",
    "fr": "French",
    "es": "Spanish",
    "it": "Italian",
    "pt": "Portuguese",
    "nl": "Dutch",
    "pl": "Polish",
    "sv": "Swedish",
    "da": "Danish",
    "nb": "Norwegian",
    "cs": "Czech",
    "ja": "Japanese",
    "ar": "Arabic",
    "he": "Hebrew",
}
