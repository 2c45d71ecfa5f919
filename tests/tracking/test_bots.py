"""Programs are told from people."""

from __future__ import annotations

import pytest
from crawleruseragents import CRAWLER_USER_AGENTS_DATA
from hypothesis import given
from hypothesis import strategies as st

from app.tracking.bots import bot_reason
from tests.tracking.user_agents import PEOPLE

CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) {} Safari/537.36"
INSTANCES = [text for each in CRAWLER_USER_AGENTS_DATA for text in each["instances"]]


@pytest.mark.parametrize("user_agent", [text for _, text in PEOPLE])
def test_people_are_no_programs(user_agent):
    assert bot_reason(user_agent) is None
    assert bot_reason(user_agent, webdriver=True) == "webdriver"


def test_a_name_that_only_contains_a_word_of_programs_is_none():
    for name in ("Botany/1.0", "CUBOT_X30", "Abbott/2"):
        assert bot_reason(f"{CHROME.format('Chrome/120.0.0.0')} {name}") is None


def test_all_that_the_list_names_are_programs():
    assert len(INSTANCES) > 2000
    assert {bot_reason(text) for text in INSTANCES} <= {"crawler", "headless"}


@pytest.mark.parametrize("user_agent", ["", " ", "\t\n", "\x00", "\ud800"])
def test_who_says_nothing_is_a_program(user_agent):
    assert bot_reason(user_agent) == "empty_user_agent"
    assert bot_reason(user_agent, webdriver=True) == "empty_user_agent"


@pytest.mark.parametrize(
    "user_agent",
    [
        CHROME.format("HeadlessChrome/120.0.0.0"),
        "Mozilla/5.0 (Unknown; Linux x86_64) AppleWebKit/538.1 PhantomJS/2.1.1 Safari/538.1",
        "Mozilla/5.0 (linux) AppleWebKit/537.36 (KHTML, like Gecko) jsdom/22.1.0",
    ],
)
def test_browsers_without_a_window_are_named_so(user_agent):
    assert bot_reason(user_agent) == "headless"


@pytest.mark.parametrize(
    "user_agent",
    [
        "curl/8.4.0",
        "Wget/1.21.4",
        "python-requests/2.31.0",
        "Python-urllib/3.11",
        "python-httpx/0.27.0",
        "Python/3.11 aiohttp/3.9.1",
        "Go-http-client/2.0",
        "okhttp/4.12.0",
        "axios/1.6.2",
        "node",
        "undici",
        "Java/17.0.1",
        "PostmanRuntime/7.36.0",
        "GuzzleHttp/7",
        "Ruby",
        "Dart/3.2 (dart:io)",
        "k6/0.48.0 (https://k6.io/)",
        "Googlebot/2.1 (+http://www.google.com/bot.html)",
        "Mozilla/5.0 (compatible; GPTBot/1.0; +https://openai.com/gptbot)",
        "Mozilla/5.0 AppleWebKit/537.36 (compatible; ChatGPT-User/1.0; +https://openai.com/bot)",
        "facebookexternalhit/1.1",
        "SomeNewThing/1.0 (+https://example.com/about)",
        "a bot",
        "MyCrawler",
        "Mozilla/5.0",
        "Mozilla/4.0 (compatible;)",
        "-",
        f"{CHROME.format('Chrome/120')} Chrome-Lighthouse",
    ],
)
def test_crawlers_and_http_libraries_are_programs(user_agent):
    assert bot_reason(user_agent) == "crawler"


@given(st.text() | st.sampled_from(["a", "bot", "/", "AhrefsBo", "+http"]).map(lambda t: t * 999))
def test_every_text_has_an_answer(user_agent):
    assert bot_reason(user_agent) in (None, "empty_user_agent", "headless", "crawler")


def test_only_the_beginning_of_a_text_is_read():
    assert bot_reason("x" * 512 + "Googlebot/2.1") is None
    assert bot_reason("x " * 1_000_000) is None
