"""Signatures of webhooks, ours and other people's: Standard Webhooks, Stripe and plain HMACs."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets as randomness
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

TOLERANCE_SECONDS = 300
SECRET_PREFIX = "whsec_"
HEADER_LIMIT = 4096
ID_LIMIT = 256

_EPOCH = re.compile(r"[0-9]{1,12}", re.ASCII)


class SignatureError(Exception):
    """A signature that is missing, malformed, old or wrong; `reason` is written for a person."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def new_webhook_secret() -> str:
    """A fresh Standard Webhooks secret: `whsec_` and 32 random bytes in base64."""
    return SECRET_PREFIX + _base64(randomness.token_bytes(32))


def standard_webhooks_sign(
    secret: str, message_id: str, timestamp: datetime | int, body: bytes
) -> str:
    """The value of `webhook-signature`: `v1,<base64>`.

    `timestamp` is a datetime with a zone or whole Unix seconds, and must equal the
    `webhook-timestamp` that is sent. Raises SignatureError for an unusable secret.
    Source: Standard Webhooks 1.0.0, symmetric signatures.
    """
    return _standard_signature(
        _standard_key(secret), message_id, str(_epoch_seconds(timestamp)), body
    )


def standard_webhooks_verify(
    headers: Mapping[str, str], body: bytes, secrets: Iterable[str], now: datetime
) -> None:
    """Return when one of the signatures fits one of the secrets, else raise SignatureError.

    Reads `webhook-id`, `webhook-timestamp` (Unix seconds, at most 300 s from `now` either way)
    and `webhook-signature` (several, separated by spaces; versions other than v1 are passed over).
    Source: Standard Webhooks 1.0.0.
    """
    named = {name.lower(): value for name, value in headers.items()}
    message_id = _header(named, "webhook-id", ID_LIMIT)
    timestamp = _header(named, "webhook-timestamp", HEADER_LIMIT)
    claimed = _header(named, "webhook-signature", HEADER_LIMIT).split()
    _check_age(timestamp, now)
    keys = [_standard_key(secret) for secret in _some(secrets)]
    expected = (_standard_signature(key, message_id, timestamp, body) for key in keys)
    _require_match(claimed, expected)


def stripe_verify(header: str | None, body: bytes, secrets: Iterable[str], now: datetime) -> None:
    """Return when a `v1` of a `Stripe-Signature` header fits, else raise SignatureError.

    The header is `t=<Unix seconds>,v1=<hex>[,v1=<hex>…]`; 300 s tolerance either way.
    Source: docs.stripe.com/webhooks, "Verify webhook signatures manually".
    """
    fields = _stripe_fields(_header({"stripe-signature": header}, "stripe-signature", HEADER_LIMIT))
    timestamps = [value for name, value in fields if name == "t"]
    if len(timestamps) != 1:
        raise SignatureError("the signature does not say its time once")
    _check_age(timestamps[0], now)
    signed = timestamps[0].encode() + b"." + body
    claimed = [value for name, value in fields if name == "v1"]
    _require_match(claimed, (hmac_sha256_hex(secret, signed) for secret in _some(secrets)))


def stripe_sign(secret: str, timestamp: datetime | int, body: bytes) -> str:
    """The value of a `Stripe-Signature` header for `body`."""
    seconds = str(_epoch_seconds(timestamp))
    return f"t={seconds},v1={hmac_sha256_hex(secret, seconds.encode() + b'.' + body)}"


def hmac_sha256_hex(secret: str, body: bytes) -> str:
    """HMAC-SHA256 of `body`, keyed by the secret's text as UTF-8, in lower-case hex."""
    return _hmac(_text_key(secret), body).hex()


def hmac_sha256_base64(secret: str, body: bytes) -> str:
    """HMAC-SHA256 of `body`, keyed by the secret's text as UTF-8, in padded base64."""
    return _base64(_hmac(_text_key(secret), body))


def verify_hex(claimed: str | None, body: bytes, secrets: Iterable[str]) -> None:
    """Return when `claimed` is the hex HMAC-SHA256 of `body`, else raise SignatureError."""
    _verify_plain((claimed or "").lower(), body, secrets, hmac_sha256_hex)


def verify_base64(claimed: str | None, body: bytes, secrets: Iterable[str]) -> None:
    """Return when `claimed` is the base64 HMAC-SHA256 of `body`, else raise SignatureError."""
    _verify_plain(claimed or "", body, secrets, hmac_sha256_base64)


def _verify_plain(
    claimed: str, body: bytes, secrets: Iterable[str], sign: Callable[[str, bytes], str]
) -> None:
    signature = _header({"signature": claimed}, "signature", HEADER_LIMIT)
    _require_match([signature], (sign(secret, body) for secret in _some(secrets)))


def _require_match(claimed: list[str], expected: Iterable[str]) -> None:
    # Everything is compared, without stopping at the first match, so that time tells nothing.
    matched = False
    for signature in expected:
        for claim in claimed:
            matched |= hmac.compare_digest(_comparable(claim), signature.encode())
    if not matched:
        raise SignatureError("the signature does not fit the body and the secret")


def _check_age(timestamp: str, now: datetime) -> None:
    if not _EPOCH.fullmatch(timestamp):
        raise SignatureError("the timestamp is not a number of seconds")
    age = _epoch_seconds(now) - int(timestamp)
    if age > TOLERANCE_SECONDS:
        raise SignatureError("the timestamp is more than five minutes old")
    if age < -TOLERANCE_SECONDS:
        raise SignatureError("the timestamp is more than five minutes ahead")


def _epoch_seconds(moment: datetime | int) -> int:
    if isinstance(moment, int):
        return moment
    if moment.tzinfo is None:
        # timestamp() would read a naive time in the machine's own zone and sign a wrong one.
        raise ValueError("a time to sign needs its zone")
    return int(moment.timestamp())


def _standard_signature(key: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    signed = _comparable(f"{message_id}.{timestamp}.") + body
    return "v1," + _base64(_hmac(key, signed))


def _standard_key(secret: str) -> bytes:
    encoded = secret.strip().removeprefix(SECRET_PREFIX).rstrip("=")
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise SignatureError("the secret is not whsec_ followed by base64") from None
    return _nonempty(key)


def _text_key(secret: str) -> bytes:
    return _nonempty(_comparable(secret.strip()))


def _nonempty(key: bytes) -> bytes:
    if not key:
        raise SignatureError("the secret is empty")
    return key


def _some(secrets: Iterable[str]) -> list[str]:
    known = list(secrets)
    if not known:
        raise SignatureError("there is no secret to check the signature with")
    return known


def _header(headers: Mapping[str, str | None], name: str, limit: int) -> str:
    value = (headers.get(name) or "").strip()
    if not value:
        raise SignatureError(f"the {name} is missing")
    if len(value) > limit:
        raise SignatureError(f"the {name} is too long")
    return value


def _stripe_fields(header: str) -> list[tuple[str, str]]:
    fields = [item.partition("=") for item in header.split(",")]
    if not all(separator for _, separator, _ in fields):
        raise SignatureError("the signature is not a list of name=value")
    return [(name.strip(), value.strip()) for name, _, value in fields]


def _comparable(text: str) -> bytes:
    # Headers arrive as latin-1 text; a lone surrogate must not raise while comparing.
    return text.encode("utf-8", "surrogatepass")


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
