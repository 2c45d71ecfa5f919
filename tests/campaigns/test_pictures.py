"""Uploads: whatever comes in is written anew, or refused with a reason."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from PIL import Image

SECRET = b"written by a camera"


def picture(kind: str, size: tuple[int, int] = (1600, 900), **options: object) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", size, "#b91c1c").save(written, kind, **options)
    return written.getvalue()


def with_notes() -> bytes:
    notes = Image.Exif()
    notes[0x010E] = SECRET.decode()
    notes[0x0112] = 6  # lies on its side
    return picture("JPEG", exif=notes)


def bomb() -> bytes:
    """A PNG that says it is 30,000 by 30,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\0" * 1_000_000)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


@pytest.fixture
def card(build):
    return build("image_card", title="New")


def upload(card, data: bytes, name: str = "picture.png"):
    form = {"csrf_token": card.alice.token(card.page), "image": (io.BytesIO(data), name)}
    return card.alice.client.post(f"{card.page}/image", data=form, follow_redirects=True)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_picture_is_served_small_as_webp(card, client, kind):
    assert upload(card, picture(kind)).status_code == 200
    kept = card.kept()["content"]["image"]
    assert (kept["width"], kept["height"]) == (960, 540)
    answer = client.get(f"/media/{kept['token']}.webp")
    assert answer.mimetype == "image/webp"
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert Image.open(io.BytesIO(answer.data)).size == (960, 540)


def test_what_a_camera_wrote_into_it_is_gone_and_it_stands_upright(card, client):
    upload(card, with_notes())
    kept = card.kept()["content"]["image"]
    assert kept["width"] < kept["height"]
    assert SECRET not in client.get(f"/media/{kept['token']}.webp").data


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        picture("BMP"),
        picture("PNG")[:200],
        bomb(),
    ],
    ids=["nothing", "text", "svg", "bmp", "cut", "bomb"],
)
def test_what_is_no_picture_is_refused_with_a_reason(card, data):
    answer = upload(card, data)
    assert "picture" in answer.text and answer.status_code == 200
    assert card.kept()["content"]["image"] is None


def test_a_file_that_is_too_large_is_refused(card):
    assert upload(card, b"\0" * (9 * 1024 * 1024)).status_code == 413
    assert card.kept()["content"]["image"] is None


def test_a_removed_picture_is_out_of_the_draft_and_its_text_goes_with_it(card):
    upload(card, picture("PNG"))
    assert card.send(image_alt="A pot of tea").status_code == 302
    assert card.kept()["content"]["image"]["alt"] == "A pot of tea"
    card.alice.post(f"{card.page}/image/removal")
    assert card.kept()["content"]["image"] is None


def test_a_format_without_a_picture_takes_none(build):
    notice = build("notice", message="Open")
    form = {
        "csrf_token": notice.alice.token(notice.page),
        "image": (io.BytesIO(picture("PNG")), "a"),
    }
    assert notice.alice.client.post(f"{notice.page}/image", data=form).status_code == 404


def test_an_unknown_picture_is_not_found(client, app):
    assert client.get(f"/media/{'0' * 32}.webp").status_code == 404


def test_a_picture_of_nobody_or_of_another_organization_is_refused(card, client, acme, umbrella):
    upload(card, picture("PNG"))
    token = card.kept()["content"]["image"]["token"]
    for tenant, known in ((acme, token), (umbrella, token), (acme, "0" * 32)):
        image = {"token": known, "width": 1, "height": 1}
        body = {
            "site_id": str(tenant.site_id),
            "name": "x",
            "format": "image_card",
            "content": {"title": "x", "image": image},
        }
        answer = client.post("/api/v1/campaigns", json=body, headers=tenant.bearer)
        expected = 201 if (tenant, known) == (acme, token) else 422
        assert answer.status_code == expected, answer.text


def test_a_picture_of_few_bytes_and_very_many_pixels_is_refused(card):
    answer = upload(card, picture("PNG", (6000, 6000)))
    assert "too many pixels" in answer.text
    assert card.kept()["content"]["image"] is None
