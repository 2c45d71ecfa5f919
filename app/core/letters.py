"""The words of a mail: one template a mail, as text and as simple HTML with the same words."""

from __future__ import annotations

from typing import Any, NamedTuple

from flask import current_app, render_template


class Letter(NamedTuple):
    subject: str
    text: str
    html: str


def write(template: str, *, link: str | None = None, **values: Any) -> Letter:
    """A letter from `templates/mail/<template>.txt`: its first line is the subject, paragraphs are
    separated by empty lines. A paragraph of a label and `link` becomes a link in HTML; nothing
    else does, so that a name which looks like an address is none."""
    text = render_template(f"mail/{template}.txt", link=link, **values)
    subject, _, body = text.partition("\n")
    paragraphs = [each.strip() for each in body.strip().split("\n\n") if each.strip()]
    html = render_template("mail/layout.html", subject=subject, paragraphs=paragraphs, link=link)
    return Letter(subject, "\n\n".join(paragraphs) + "\n", html)


def one_line(name: str | None) -> str:
    """A name that a stranger reads: no part of it passes for a line of ours."""
    return " ".join("".join(c if c.isprintable() else " " for c in name or "").split())


def public_url(endpoint: str, **values: Any) -> str:
    """An address for a mail or for copying. It begins with CANDOR_URL, never with what the request
    says that this machine is called."""
    path = current_app.url_map.bind("").build(endpoint, values)
    return current_app.extensions["candor_settings"].url + path
