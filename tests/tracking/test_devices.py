"""What a user agent says of the device."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.tracking.devices import Device, device_of
from tests.tracking.user_agents import PEOPLE

HOSTILE = ["a", " ", "/", "(", "1.", "Mozilla/5.0 (", "iPhone OS 1_", "Opera/9", "\ud800", "\x00"]


@pytest.mark.parametrize(("device", "user_agent"), PEOPLE)
def test_devices_are_told_apart(device, user_agent):
    assert device_of(user_agent) == Device(*device)


@pytest.mark.parametrize("user_agent", ["", "-", "nonsense", "\ud800\x00", "Mozilla/5.0"])
def test_what_says_nothing_is_other(user_agent):
    assert device_of(user_agent) == Device("desktop", "Other", "Other")


def test_only_the_beginning_of_a_text_is_read():
    assert device_of(" " * 512 + PEOPLE[0][1]) == Device("desktop", "Other", "Other")


@given(st.text() | st.sampled_from(HOSTILE).map(lambda piece: piece * 1000))
def test_every_text_has_a_device_of_short_printable_words(user_agent):
    device = device_of(user_agent)
    assert device.kind in ("desktop", "mobile", "tablet")
    for name in (device.browser, device.system):
        assert 0 < len(name) <= 40 and name.isprintable()


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_long_text_costs_what_its_beginning_does(piece):
    text = piece * 1_000_000
    assert device_of(text) == device_of(text[:512])
