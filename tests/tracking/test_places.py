"""Where an address is: the bundled countries, a better database, and what may be stored."""

from __future__ import annotations

import os
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.config import ConfigurationError, Settings
from app.tracking.data.compile import compiled
from app.tracking.places import BUNDLED, NOWHERE, Place, masked, place_of, use_database
from app.wiring import create_app

LEIPZIG = {
    "country": {"iso_code": "DE"},
    "subdivisions": [{"names": {"en": "Saxony", "de": "Sachsen"}}],
    "city": {"names": {"de": "Leipzig", "en": "Leipzig"}},
}
CITIES = {
    "203.0.113.0/24": LEIPZIG,
    "198.51.100.0/24": {"country": {"iso_code": "FR"}, "city": {"names": {"fr": "Lyon"}}},
    "192.0.2.0/25": {"country": "DE", "subdivisions": {}, "city": ["Berlin"]},
    "192.0.2.128/25": {"country": {"iso_code": "Germany"}},
    "2001:db8::/32": {"country": {"iso_code": "NL"}, "city": {"names": {"en": "N" * 500}}},
}


@pytest.fixture
def cities(tmp_path):
    """A small database in the layout of GeoLite2 City, named by GEOIP_PATH."""
    path = tmp_path / "cities.mmdb"
    networks = [(ip_network(name), record) for name, record in CITIES.items()]
    path.write_bytes(compiled(networks, built=1_700_000_000))
    yield path
    use_database(None)


@pytest.mark.parametrize(
    ("address", "country"),
    [
        ("8.8.8.8", "US"),
        ("193.99.144.80", "DE"),
        ("133.11.0.1", "JP"),
        ("200.160.2.3", "BR"),
        ("41.0.0.1", "ZA"),
        ("2a01:4f8::1", "DE"),
        ("2001:4860:4860::8888", "US"),
        ("::ffff:193.99.144.80", "DE"),
        ("2a01:4f8::1%eth0", "DE"),
        ("10.0.0.1", None),
        ("127.0.0.1", None),
        ("100.64.1.1", None),
        ("::1", None),
        ("fe80::1", None),
        ("fd00::1", None),
    ],
)
def test_the_bundled_database_knows_the_country(address, country):
    assert place_of(address) == Place(country, None, None)


@pytest.mark.parametrize(
    "address",
    ["", " ", "8.8.8", "8.8.8.8:443", "8.8.8.8, 1.1.1.1", "08.8.8.8", "[::1]", "shop.example"]
    + ["٨.8.8.8", "8.8.8.8\x00", "\ud800", "1" * 100_000, "::" * 50_000, "<script>"],
)
def test_what_is_no_address_is_nowhere_and_has_nothing_to_store(address):
    assert place_of(address) == NOWHERE
    assert masked(address) == ""


@given(st.text() | st.ip_addresses().map(str))
def test_no_text_makes_either_of_them_raise(address):
    country = place_of(address).country
    assert country is None or (len(country) == 2 and country.isupper())
    kept = masked(address)
    assert kept == "" or masked(kept) == kept


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("203.0.113.77", "203.0.113.0"),
        ("::ffff:203.0.113.77", "203.0.113.0"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::"),
        ("fe80::1%eth0", "fe80::"),
    ],
)
def test_the_kept_form_is_a_network(address, kept):
    assert masked(address) == kept


@given(st.ip_addresses())
def test_nobody_can_be_told_from_his_neighbours_by_the_kept_form(address):
    hidden = 8 if address.version == 4 else 80
    neighbour = ip_address(int(address) ^ (1 << (hidden - 1)) ^ 1)
    if getattr(address, "ipv4_mapped", None) is None:
        assert masked(str(address)) == masked(str(neighbour))


def test_a_better_database_knows_region_and_city(cities):
    use_database(cities)
    assert place_of("203.0.113.5") == Place("DE", "Saxony", "Leipzig")
    assert place_of("::ffff:203.0.113.5") == Place("DE", "Saxony", "Leipzig")
    assert place_of("198.51.100.1") == Place("FR", None, None)
    assert place_of("8.8.8.8") == NOWHERE


def test_records_of_another_shape_say_nothing_and_long_names_are_cut(cities):
    use_database(cities)
    assert place_of("192.0.2.1") == NOWHERE
    assert place_of("192.0.2.200") == NOWHERE
    assert place_of("2001:db8::1") == Place("NL", None, "N" * 100)


def test_a_program_with_the_setting_reads_the_better_database(environ, cities):
    settings = Settings.from_environment({**environ, "GEOIP_PATH": str(cities)})
    create_app(settings)
    assert place_of("203.0.113.5").city == "Leipzig"


def test_a_process_that_forked_reads_on():
    there, here = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(here, (place_of("8.8.8.8").country or "none").encode())
        os._exit(0)
    assert place_of("193.99.144.80").country == "DE"
    assert os.read(there, 10) == b"US"
    os.waitpid(child, 0)


@pytest.mark.parametrize("content", [None, b"", b"no database", b"x" * 300_000])
def test_a_file_that_is_no_database_is_refused_at_start(environ, tmp_path, content):
    path = tmp_path / "cities.mmdb"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="GEOIP_PATH: .*cities.mmdb"):
        Settings.from_environment({**environ, "GEOIP_PATH": str(path)})


def test_a_folder_is_refused_at_start(environ, tmp_path):
    with pytest.raises(ConfigurationError, match="GEOIP_PATH"):
        Settings.from_environment({**environ, "GEOIP_PATH": str(tmp_path)})


def test_a_damaged_database_is_refused_at_start(_app, tmp_path):
    path = tmp_path / "cities.mmdb"
    whole = BUNDLED.read_bytes()
    path.write_bytes(whole[: whole.rindex(b"MaxMind.com") + 20])
    settings = replace(_app.extensions["candor_settings"], geoip_path=path)
    with pytest.raises(ConfigurationError, match="GEOIP_PATH"):
        create_app(settings)
