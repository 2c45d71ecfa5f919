"""How a guest proves who he is: a chat token on his device, and a link by which another device
becomes his as well. Both are signed, bound to a site, and name nothing but a random id."""

from __future__ import annotations

import base64
import hmac
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

from app.core import clock
from app.core.crypto import keyring

CHAT, RESUME = "chat", "resume"
LIFE = {CHAT: timedelta(days=395), RESUME: timedelta(days=14)}
LONGEST = 200
SIGNATURE_BYTES = 18  # 24 characters


def issue(kind: str, site_id: UUID, guest_id: UUID) -> str:
    """`c.<guest>.<seconds>.<signature>`, good for LIFE[kind] on that site."""
    content = f"{kind[0]}.{guest_id.hex}.{int(clock.now().timestamp())}"
    return f"{content}.{_signature(site_id, content)}"


def read(kind: str, site_id: UUID, text: object) -> UUID | None:
    """The guest whom a good token of this kind and site names; None for any other value."""
    if not isinstance(text, str) or len(text) > LONGEST or not text.isascii():
        return None
    content, _, signature = text.rpartition(".")
    if not hmac.compare_digest(_signature(site_id, content), signature):
        return None
    prefix, guest, seconds = content.split(".")
    issued_at = datetime.fromtimestamp(int(seconds), UTC)
    good = prefix == kind[0] and clock.now() - issued_at < LIFE[kind]
    return UUID(hex=guest) if good else None


def is_identity(secret: str, user_id: str, claimed: object) -> bool:
    """Whether a site's server vouched for its user: hex HMAC-SHA256 of the user's id under the
    site's identity secret."""
    expected = hmac.new(secret.encode(), user_id.encode(), sha256).hexdigest()
    text = claimed.lower() if isinstance(claimed, str) and claimed.isascii() else ""
    return hmac.compare_digest(expected, text)


def _signature(site_id: UUID, content: str) -> str:
    key = keyring().derive("chat token")
    digest = hmac.digest(key, f"{site_id.hex}/{content}".encode(), sha256)
    return base64.urlsafe_b64encode(digest[:SIGNATURE_BYTES]).decode()
