"""The widget's own few words, by language. English is built into the widget."""

TEXTS = {
    "de": ("Warum sehe ich das?", "Schließen", "Kopieren", "Kopiert"),
    "fr": ("Pourquoi est-ce que je vois ceci ?", "Fermer", "Copier", "Copié"),
    "es": ("¿Por qué veo esto?", "Cerrar", "Copiar", "Copiado"),
    "it": ("Perché vedo questo?", "Chiudi", "Copia", "Copiato"),
    "pt": ("Por que estou vendo isto?", "Fechar", "Copiar", "Copiado"),
    "nl": ("Waarom zie ik dit?", "Sluiten", "Kopiëren", "Gekopieerd"),
    "pl": ("Dlaczego to widzę?", "Zamknij", "Kopiuj", "Skopiowano"),
    "sv": ("Varför ser jag det här?", "Stäng", "Kopiera", "Kopierat"),
    "da": ("Hvorfor ser jeg dette?", "Luk", "Kopiér", "Kopieret"),
    "nb": ("Hvorfor ser jeg dette?", "Lukk", "Kopier", "Kopiert"),
    "cs": ("Proč to vidím?", "Zavřít", "Kopírovat", "Zkopírováno"),
    "ja": ("これが表示される理由", "閉じる", "コピー", "コピーしました"),
    "ar": ("لماذا أرى هذا؟", "إغلاق", "نسخ", "تم النسخ"),
    "he": ("למה אני רואה את זה?", "סגירה", "העתקה", "הועתק"),
}
NAMES = ("why", "close", "copy", "copied")


def texts_for(languages: set[str]) -> dict[str, dict[str, str]]:
    """The words of these languages, as the configuration carries them."""
    return {
        language: dict(zip(NAMES, TEXTS[language], strict=True))
        for language in sorted(languages & TEXTS.keys())
    }
