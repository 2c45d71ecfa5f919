"""Through which channel a visit came."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.tracking.channels import CHANNELS, channel_of

OWN = {"shop.example", "www.shop.example"}


def channel(referrer=None, **params):
    return channel_of(referrer_host=referrer, params=params, own_hosts=OWN)


def utm(text, referrer=None):
    """`source/medium/campaign`"""
    names = ("utm_source", "utm_medium", "utm_campaign")
    return channel(referrer, **{n: v for n, v in zip(names, text.split("/"), strict=False) if v})


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (None, "direct"),
        ("", "direct"),
        ("shop.example", "direct"),
        ("WWW.shop.example.", "direct"),
        ("other.example", "referral"),
        ("shop.example.evil.example", "referral"),
        ("www.google.com", "organic_search"),
        ("google.de", "organic_search"),
        ("www.google.co.uk", "organic_search"),
        ("google.evil.example", "referral"),
        ("notgoogle.com", "referral"),
        ("google.a.b.com", "referral"),
        ("google", "organic_search"),
        ("duckduckgo.com", "organic_search"),
        ("www.bing.com", "organic_search"),
        ("yandex.ru", "organic_search"),
        ("com.google.android.googlequicksearchbox", "organic_search"),
        ("l.facebook.com", "organic_social"),
        ("t.co", "organic_social"),
        ("at.co", "referral"),
        ("out.reddit.com", "organic_social"),
        ("www.linkedin.com", "organic_social"),
        ("old.reddit.com", "organic_social"),
        ("www.youtube.com", "video"),
        ("youtu.be", "video"),
        ("www.amazon.de", "organic_shopping"),
        ("aws.amazon.com", "referral"),
        ("chatgpt.com", "ai_assistant"),
        ("gemini.google.com", "ai_assistant"),
        ("www.perplexity.ai", "ai_assistant"),
        ("copilot.microsoft.com", "ai_assistant"),
        ("mail.google.com", "email"),
        ("outlook.live.com", "email"),
        ("docs.google.com", "referral"),
        ("...", "direct"),
    ],
)
def test_a_referrer_alone(host, expected):
    assert channel(host) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("google/cpc", "paid_search"),
        ("Google/CPC", "paid_search"),
        ("google/ppc", "paid_search"),
        ("bing/paidsearch", "paid_search"),
        ("google/cpm", "paid_search"),
        ("google/organic", "organic_search"),
        ("intranet/organic", "organic_search"),
        ("google", "organic_search"),
        ("facebook/cpc", "paid_social"),
        ("ig/paid", "paid_social"),
        ("facebook.com/retargeting", "paid_social"),
        ("facebook/post", "organic_social"),
        ("buffer/social", "organic_social"),
        ("somebody/social media", "organic_social"),
        ("youtube/cpv", "paid_video"),
        ("youtube/cpc", "paid_video"),
        ("youtube/video", "video"),
        ("partner/product-video", "video"),
        ("amazon/cpc", "paid_shopping"),
        ("google/cpc/Spring Shopping", "paid_shopping"),
        ("google/organic/eshop", "organic_shopping"),
        ("google/cpc/workshop", "paid_search"),
        ("google/cpc/Cross-network", "cross_network"),
        ("somewhere/display", "display"),
        ("somewhere/banner", "display"),
        ("somewhere/cpm", "display"),
        ("somewhere/cpc", "paid_other"),
        ("chatgpt.com", "ai_assistant"),
        ("chatgpt.com/referral", "ai_assistant"),
        ("partner/referral", "referral"),
        ("partner/link", "referral"),
        ("newsletter", "email"),
        ("june/email", "email"),
        ("june/E-Mail", "email"),
        ("klaviyo/flow", "email"),
        ("klaviyo/sms", "sms"),
        ("partner/affiliate", "affiliate"),
        ("spotify/audio", "audio"),
        ("sms", "sms"),
        ("app/webpush", "mobile_push"),
        ("app/notification", "mobile_push"),
        ("firebase", "mobile_push"),
        ("somewhere/something", "other"),
        ("somewhere", "other"),
        ("//june", "other"),
        ("(direct)/(none)", "direct"),
        (" / / ", "direct"),
    ],
)
def test_what_the_address_says(said, expected):
    assert utm(said) == expected


@pytest.mark.parametrize(
    ("params", "referrer", "expected"),
    [
        ({"gclid": "x"}, "www.google.com", "paid_search"),
        ({"gclid": "x"}, None, "paid_search"),
        ({"msclkid": "x"}, "www.bing.com", "paid_search"),
        ({"fbclid": "x"}, None, "organic_social"),
        ({"fbclid": "x", "utm_medium": "paid"}, None, "paid_social"),
        ({"gclid": "x", "utm_medium": "display", "utm_source": "gdn"}, None, "display"),
        ({"gclid": ""}, None, "direct"),
        ({"utm_medium": "email"}, "www.google.com", "email"),
        ({"utm_source": "june", "utm_medium": "email"}, "www.google.com", "email"),
        ({"utm_medium": "email"}, "other.example", "email"),
        ({"utm_campaign": "june"}, "l.facebook.com", "organic_social"),
        ({"utm_campaign": "june"}, "shop.example", "other"),
        ({"ref": "x"}, None, "direct"),
    ],
)
def test_click_ids_and_what_a_referrer_adds(params, referrer, expected):
    assert channel(referrer, **params) == expected


@given(
    st.none() | st.text(),
    st.dictionaries(st.sampled_from(["utm_source", "utm_medium", "utm_campaign"]), st.text()),
)
def test_every_visit_has_one_of_the_channels(referrer, params):
    assert channel(referrer, **params) in CHANNELS


@pytest.mark.parametrize("text", ["cp" * 500_000, "google." * 500_000, "." * 1_000_000, "\ud800"])
def test_long_texts_have_one_too(text):
    said = dict.fromkeys(["utm_source", "utm_medium", "utm_campaign"], text)
    assert channel(text) in CHANNELS and channel(text, **said) in CHANNELS
