"""Signatures: published vectors, the reference library, and everything that must be refused."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from app.core.signing import (
    SignatureError,
    hmac_sha256_base64,
    hmac_sha256_hex,
    new_webhook_secret,
    standard_webhooks_sign,
    standard_webhooks_verify,
    stripe_sign,
    stripe_verify,
    verify_base64,
    verify_hex,
)

# standard-webhooks/standard-webhooks b2fa7b8, MIT: test_sign of the python, go, js, ruby, php,
# csharp, java and rust libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
TIMESTAMP = 1614265330
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
OTHER_SIGNATURE = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="

NOW = datetime.fromtimestamp(TIMESTAMP, UTC)


def headers(signature=SIGNATURE, timestamp=str(TIMESTAMP), message_id=MESSAGE_ID):
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": signature,
    }


def verify(body=BODY, secrets=(SECRET,), now=NOW, **changes):
    standard_webhooks_verify(headers(**changes), body, secrets, now)


def refused(**changes):
    with pytest.raises(SignatureError) as caught:
        verify(**changes)
    return caught.value.reason


def test_the_published_vectors_are_signed_alike():
    assert standard_webhooks_sign(SECRET, MESSAGE_ID, TIMESTAMP, BODY) == SIGNATURE
    assert (
        standard_webhooks_sign(
            "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
            "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
            1649367553,
            b'{"email":"test@example.com","username":"test_user"}',
        )
        == "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw="
    )


def test_a_published_vector_verifies():
    verify()


def test_one_valid_signature_among_several_is_enough():
    verify(signature=f"{OTHER_SIGNATURE} v2,whatever {SIGNATURE} {OTHER_SIGNATURE}")


def test_header_names_are_compared_without_case():
    shouted = {name.title(): value for name, value in headers().items()}
    standard_webhooks_verify(shouted, BODY, [SECRET], NOW)


def test_the_prefix_of_the_secret_is_optional():
    verify(secrets=[SECRET.removeprefix("whsec_")])


@pytest.mark.parametrize(
    "secret", ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwBr"]
)
def test_a_secret_without_padding_is_accepted(secret):
    key = base64.b64decode(secret + "=" * (-len(secret) % 4))
    signed = f"{MESSAGE_ID}.{TIMESTAMP}.".encode() + BODY
    digest = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    verify(secrets=[secret], signature=f"v1,{digest}")
    assert standard_webhooks_sign(secret, MESSAGE_ID, TIMESTAMP, BODY) == f"v1,{digest}"


def test_the_old_secret_still_verifies_while_secrets_rotate():
    verify(secrets=[new_webhook_secret(), SECRET])
    assert "does not fit" in refused(secrets=[new_webhook_secret()])


@pytest.mark.parametrize(
    "signature",
    [
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OA=",
        "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        "v1,",
        "v1,g0hM9",
        "v1,abc",
        "garbage",
        ",",
        "v1,Ä",
        "v1,\udc80",
        SIGNATURE.replace(",", " "),
    ],
)
def test_another_partial_or_malformed_signature_is_refused(signature):
    assert "does not fit" in refused(signature=signature)


def test_an_altered_body_id_or_time_is_refused():
    assert "does not fit" in refused(body=BODY + b" ")
    assert "does not fit" in refused(message_id=MESSAGE_ID + "x")
    assert "does not fit" in refused(timestamp=str(TIMESTAMP + 1))


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_or_endless_header_is_refused_by_name(name):
    for value, problem in [(None, "missing"), ("", "missing"), ("x" * 5000, "too long")]:
        sent = {key: text for key, text in (headers() | {name: value}).items() if text is not None}
        with pytest.raises(SignatureError, match=f"{name} is {problem}"):
            standard_webhooks_verify(sent, BODY, [SECRET], NOW)


def test_five_minutes_are_tolerated_either_way_and_no_second_more():
    verify(now=NOW + timedelta(seconds=300))
    verify(now=NOW - timedelta(seconds=300))
    assert "old" in refused(now=NOW + timedelta(seconds=301))
    assert "ahead" in refused(now=NOW - timedelta(seconds=301))


@pytest.mark.parametrize(
    "timestamp", ["hello", "-1", "1e9", "١٦١٤٢٦٥٣٣٠", "9" * 40, "1614265330.0"]
)
def test_a_timestamp_that_is_no_number_of_seconds_is_refused(timestamp):
    assert "not a number of seconds" in refused(timestamp=timestamp)


@pytest.mark.parametrize("secret", ["whsec_", "", "  ", "whsec_===="])
def test_an_empty_secret_is_refused_for_signing_and_verifying(secret):
    assert "empty" in refused(secrets=[secret])
    with pytest.raises(SignatureError, match="empty"):
        standard_webhooks_sign(secret, MESSAGE_ID, TIMESTAMP, BODY)


@pytest.mark.parametrize("secret", ["whsec_not base64!", "whsec_ä", "A", "whsec_whsec_AAAA"])
def test_a_secret_that_is_not_base64_is_refused(secret):
    assert "base64" in refused(secrets=[secret])


def test_without_any_secret_nothing_verifies():
    assert "no secret" in refused(secrets=[])


def test_a_time_is_signed_right_in_every_zone():
    in_tokyo = NOW.astimezone(timezone(timedelta(hours=9)))
    assert standard_webhooks_sign(SECRET, MESSAGE_ID, in_tokyo, BODY) == SIGNATURE
    with pytest.raises(ValueError, match="zone"):
        standard_webhooks_sign(SECRET, MESSAGE_ID, NOW.replace(tzinfo=None), BODY)


def test_a_new_secret_holds_32_random_bytes():
    secret, other = new_webhook_secret(), new_webhook_secret()
    assert secret.startswith("whsec_") and secret != other
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32


@given(body=st.text().map(str.encode), name=st.from_regex(r"msg_[a-zA-Z0-9]{1,30}", fullmatch=True))
def test_the_reference_library_accepts_what_we_sign_and_we_what_it_signs(body, name):
    secret, now = new_webhook_secret(), datetime.now(UTC)
    library = Webhook(secret)
    ours = standard_webhooks_sign(secret, name, now, body)
    assert library.sign(name, now, body.decode()) == ours
    sent = headers(message_id=name, timestamp=str(int(now.timestamp())), signature=ours)
    standard_webhooks_verify(sent, body, [secret], now)


def test_the_reference_library_verifies_a_delivery_of_ours():
    secret, now = new_webhook_secret(), datetime.now(UTC)
    signature = standard_webhooks_sign(secret, "msg_a", now, BODY)
    sent = headers(message_id="msg_a", timestamp=str(int(now.timestamp())), signature=signature)
    assert Webhook(secret).verify(BODY, sent) == {"test": 2432232314}


@given(
    signature=st.text(max_size=200),
    timestamp=st.text(max_size=30),
    message_id=st.text(max_size=50),
    secret=st.text(max_size=60),
)
def test_nothing_malformed_raises_anything_but_our_own_error(
    signature, timestamp, message_id, secret
):
    for time in (timestamp, str(TIMESTAMP)):
        with pytest.raises(SignatureError):
            verify(signature=signature, timestamp=time, message_id=message_id, secrets=[secret])
        with pytest.raises(SignatureError):
            stripe_verify(signature, BODY, [secret], NOW)
        with pytest.raises(SignatureError):
            stripe_verify(f"t={time},v1={signature}", BODY, [secret], NOW)
    with pytest.raises(SignatureError):
        verify_hex(signature, BODY, [secret])
    with pytest.raises(SignatureError):
        verify_base64(signature, BODY, [secret])


def test_the_hmac_of_rfc_4231_comes_out():
    # RFC 4231, test case 2.
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    message = b"what do ya want for nothing?"
    assert hmac_sha256_hex("Jefe", message) == expected
    assert hmac_sha256_base64("Jefe", message) == base64.b64encode(bytes.fromhex(expected)).decode()
    verify_hex(expected, message, ["Jefe"])
    verify_hex(expected.upper(), message, ["other", "Jefe"])
    verify_base64(hmac_sha256_base64("Jefe", message), message, ["Jefe"])


@pytest.mark.parametrize("check", [verify_hex, verify_base64])
def test_a_plain_hmac_is_refused_when_missing_wrong_or_without_a_secret(check):
    right = {verify_hex: hmac_sha256_hex, verify_base64: hmac_sha256_base64}[check]("key", BODY)
    check(right, BODY, ["key"])
    for claimed, body, secrets, reason in [
        (None, BODY, ["key"], "missing"),
        ("", BODY, ["key"], "missing"),
        (right[:-2], BODY, ["key"], "does not fit"),
        (right, BODY + b"\n", ["key"], "does not fit"),
        (right, BODY, ["other"], "does not fit"),
        (right, BODY, [""], "empty"),
        (right, BODY, [], "no secret"),
    ]:
        with pytest.raises(SignatureError, match=reason):
            check(claimed, body, secrets)


def stripe_header(secret="whsec_stripe", timestamp=TIMESTAMP, body=BODY):
    # Composed as docs.stripe.com/webhooks describes, apart from the code under test.
    signed = f"{timestamp}.".encode() + body
    return f"t={timestamp},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


def test_a_stripe_signature_verifies_with_any_of_several_v1_and_secrets():
    header = stripe_header()
    assert stripe_sign("whsec_stripe", NOW, BODY) == header
    stripe_verify(header, BODY, ["whsec_stripe"], NOW)
    stripe_verify(header, BODY, ["whsec_old", "whsec_stripe"], NOW)
    stripe_verify(header.replace("v1=", "v1=00,v0=11,v1="), BODY, ["whsec_stripe"], NOW)
    stripe_verify(header.replace(",", ", "), BODY, ["whsec_stripe"], NOW)


def test_the_stripe_library_verifies_what_we_sign():
    from stripe import WebhookSignature

    header = stripe_sign("whsec_stripe", datetime.now(UTC), BODY)
    assert WebhookSignature.verify_header(BODY.decode(), header, "whsec_stripe", tolerance=300)


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (None, "missing"),
        ("", "missing"),
        ("garbage", "not a list"),
        ("v1=00", "its time"),
        (f"t={TIMESTAMP},t={TIMESTAMP},v1=00", "its time"),
        ("t=soon,v1=00", "not a number"),
        (f"t={TIMESTAMP}", "does not fit"),
        (f"t={TIMESTAMP},v1=00", "does not fit"),
        (stripe_header().replace("v1=", "v0="), "does not fit"),
        (stripe_header(secret="whsec_other"), "does not fit"),
        (stripe_header(timestamp=TIMESTAMP - 301), "old"),
        (stripe_header(timestamp=TIMESTAMP + 301), "ahead"),
    ],
)
def test_a_stripe_signature_is_refused(header, reason):
    with pytest.raises(SignatureError, match=reason):
        stripe_verify(header, BODY, ["whsec_stripe"], NOW)


def test_a_stripe_signature_is_tolerated_for_five_minutes_either_way():
    for seconds in (-300, 300):
        stripe_verify(stripe_header(timestamp=TIMESTAMP + seconds), BODY, ["whsec_stripe"], NOW)
