"""Security headers on every answer, with a nonce for the few scripts a page names."""

from __future__ import annotations

import secrets

from flask import Flask, Response, current_app, g, request

POLICY = (
    "default-src 'none'; script-src 'self' {url} 'nonce-{nonce}'; style-src 'self'; "
    "img-src 'self' data: {url}; font-src 'self'; connect-src 'self' {url} {sockets}; "
    "form-action 'self'; base-uri 'none'; frame-src 'self'; frame-ancestors {frames}; "
    "manifest-src 'self'"
)
FIXED = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}
# Of what is data or a file and never a page.
BARE = {**FIXED, "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'"}
HSTS = "max-age=31536000; includeSubDomains"


def csp_nonce() -> str:
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    return g.csp_nonce


def allow_own_frames(response: Response) -> Response:
    """Let pages of this program, and no other, show this answer in a frame."""
    g.own_frames = True
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    return response


def never_a_page(response: Response) -> Response:
    """Let this answer load nothing if somebody opens it: a file does without a page's policy."""
    response.headers.update(BARE)
    return response


def init_app(app: Flask) -> None:
    app.jinja_env.globals["csp_nonce"] = csp_nonce
    app.after_request(_secure)


def _secure(response: Response) -> Response:
    for name, value in FIXED.items():
        response.headers.setdefault(name, value)
    # The public address too: a page may have been opened under another name of this machine.
    url = current_app.extensions["candor_settings"].url
    sockets = "ws" + url.removeprefix("http")
    frames = "'self'" if g.get("own_frames") else "'none'"
    policy = POLICY.format(nonce=csp_nonce(), url=url, sockets=sockets, frames=frames)
    response.headers.setdefault("Content-Security-Policy", policy)
    if request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", HSTS)
    return response
