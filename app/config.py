"""Typed settings, read from the environment once at start."""

from __future__ import annotations

import base64
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import urlsplit

SAMPLES = ("change-me", "changeme", "change_me", "replace", "example", "sample", "password")
SHORTEST_SECRET = 32
FEWEST_CHARACTERS = 10  # different ones
# A Unix socket's address holds 108 bytes on Linux and 104 on macOS.
LONGEST_SOCKET_PATH = 100
# What begins the last part of a MaxMind database, and how far from its end at most.
GEOIP_MARKER = b"\xab\xcd\xefMaxMind.com"
GEOIP_TAIL = 128 * 1024
# An address, or a name with one: Candor <noreply@example.com>
MAILBOX = re.compile(
    r'(?:(?P<name>[^<>]*)<)?(?P<address>[^@\s<>(),:;"\\]+@[^@\s<>(),:;"\\]+)(?(name)>)'
)


class ConfigurationError(Exception):
    """A setting is missing or unusable; the message says which and what to do."""


@dataclass(frozen=True)
class Settings:
    """What the environment says. Sizes are counts, `url` has no trailing slash."""

    env: str
    data: Path
    url: str
    secret_key: str
    encryption_keys: tuple[tuple[str, bytes], ...]
    database_url: str
    replica_url: str | None
    pool_size: int
    redis_url: str
    smtp_url: str | None
    mail_from: str
    sign_up: str  # open, or closed: by invitation only
    outbound_allow: frozenset[str]
    asset_url: str
    trusted_proxies: int
    socket_cap: int
    events_per_address: int  # a second, ten times as many at once
    events_per_site: int  # a second and web process
    views_per_visitor: int  # a second, ten times as many at once: more is no person; 0: no limit
    chain_heads: Path
    geoip_path: Path | None  # None: the bundled database of countries
    data_centres_path: Path | None  # None: no address is known to be one of a data centre

    @property
    def production(self) -> bool:
        return self.env == "production"

    @property
    def sqlite(self) -> bool:
        return self.database_url.startswith("sqlite")

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Read and check all settings.

        Raises ConfigurationError in production when a secret is missing, short or a sample.
        Outside production missing secrets are generated once and kept under CANDOR_DATA.
        """
        env = environ.get("CANDOR_ENV", "development")
        if env not in ("production", "development"):
            raise ConfigurationError("CANDOR_ENV is either production or development.")
        data = Path(environ.get("CANDOR_DATA", "var")).resolve()
        url = environ.get("CANDOR_URL", "http://127.0.0.1:8000").rstrip("/")
        kept = {} if env == "production" else _kept_secrets(data)
        secret_key = environ.get("SECRET_KEY") or kept.get("SECRET_KEY", "")
        keys = environ.get("ENCRYPTION_KEYS") or kept.get("ENCRYPTION_KEYS", "")
        if env == "production":
            _refuse_weak(secret_key)
        return cls(
            env=env,
            data=data,
            url=url,
            secret_key=secret_key,
            encryption_keys=_parse_keys(keys),
            database_url=_database_url(environ.get("DATABASE_URL"), data),
            replica_url=_driver(environ.get("DATABASE_REPLICA_URL")),
            pool_size=_count(environ, "DATABASE_POOL_SIZE", 10),
            redis_url=environ.get("REDIS_URL") or embedded_redis_url(data),
            smtp_url=_smtp_url(environ.get("SMTP_URL")),
            mail_from=_mail_from(environ.get("MAIL_FROM"), url),
            sign_up=_sign_up(environ.get("SIGN_UP")),
            outbound_allow=_outbound_allow(environ, env),
            asset_url=environ.get("ASSET_URL", "").rstrip("/"),
            trusted_proxies=_count(environ, "TRUSTED_PROXIES", 0),
            socket_cap=_count(environ, "CANDOR_SOCKET_CAP", 3000),
            events_per_address=_count(environ, "EVENTS_PER_ADDRESS", 50),
            events_per_site=_count(environ, "EVENTS_PER_SITE", 1000),
            views_per_visitor=_count(environ, "VIEWS_PER_VISITOR", 10),
            chain_heads=data / "chain-heads.log",
            geoip_path=_geoip_path(environ.get("GEOIP_PATH")),
            data_centres_path=_data_centres_path(environ.get("DATA_CENTRES_PATH")),
        )


def networks_in(path: Path) -> list[IPv4Network | IPv6Network]:
    """Those of a file with one a line, such as 203.0.113.0/24; `#` begins a comment.

    Raises ConfigurationError when it cannot be read, is something else or names none.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"DATA_CENTRES_PATH: {path}: {error}") from error
    written = [(number, line.partition("#")[0].strip()) for number, line in enumerate(lines, 1)]
    networks = [_network(path, number, text) for number, text in written if text]
    if not networks:
        raise ConfigurationError(f"DATA_CENTRES_PATH: {path} names no network.")
    return networks


def _network(path: Path, number: int, text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text, strict=False)
    except ValueError as error:
        raise ConfigurationError(
            f"DATA_CENTRES_PATH: line {number} of {path} is no network such as 203.0.113.0/24: "
            f"{text[:60]!r}"
        ) from error


def read_settings() -> Settings:
    """Settings from the environment; outside production missing secrets are made and kept."""
    if os.environ.get("CANDOR_ENV") != "production":
        ensure_secrets(Path(os.environ.get("CANDOR_DATA", "var")).resolve())
    settings = Settings.from_environment()
    try:
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"CANDOR_DATA: {error}") from error
    if not os.access(settings.data, os.W_OK):
        user = os.getuid()
        raise ConfigurationError(f"CANDOR_DATA: user {user} cannot write to {settings.data}.")
    return settings


def embedded_redis_url(data: Path) -> str:
    """Where `candor up` puts its own Valkey when REDIS_URL is not set."""
    return f"unix://{embedded_redis_socket(data)}"


def embedded_redis_socket(data: Path) -> Path:
    path = data / "valkey" / "valkey.sock"
    if len(str(path)) <= LONGEST_SOCKET_PATH:
        return path
    name = base64.urlsafe_b64encode(str(data).encode())[-40:].decode().strip("=")
    return Path("/tmp") / f"candor-{os.getuid()}-{name}" / "valkey.sock"


def ensure_secrets(data: Path) -> dict[str, str]:
    """Create the secrets file under `data` if there is none; answers its content."""
    kept = _kept_secrets(data)
    if kept:
        return kept
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "ENCRYPTION_KEYS": f"k1:{base64.b64encode(secrets.token_bytes(32)).decode()}",
    }
    text = "".join(f"{name}={value}\n" for name, value in made.items())
    partial = data / f".secrets.env.{secrets.token_hex(4)}"
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    try:
        # A link, not a rename: of two processes that start together one must win.
        os.link(partial, data / "secrets.env")
    except FileExistsError:
        return _kept_secrets(data)
    finally:
        partial.unlink()
    return made


def _kept_secrets(data: Path) -> dict[str, str]:
    path = data / "secrets.env"
    if not path.exists():
        return {}
    lines = (line.partition("=") for line in path.read_text().splitlines() if "=" in line)
    return {name: value for name, _, value in lines}


def _refuse_weak(secret_key: str) -> None:
    varied = len(set(secret_key)) >= FEWEST_CHARACTERS
    sample = any(word in secret_key.lower() for word in SAMPLES)
    if len(secret_key) < SHORTEST_SECRET or sample or not varied:
        raise ConfigurationError(
            f"SECRET_KEY is missing, shorter than {SHORTEST_SECRET} characters or a sample. "
            "Make one with: openssl rand -base64 48"
        )


def _parse_keys(text: str) -> tuple[tuple[str, bytes], ...]:
    """`id:base64,id:base64`, the first one encrypts, all of them decrypt."""
    pairs = [part.strip().partition(":") for part in text.split(",") if part.strip()]
    try:
        keys = tuple((name, base64.b64decode(value, validate=True)) for name, _, value in pairs)
    except ValueError as error:
        raise ConfigurationError("ENCRYPTION_KEYS is a list of id:base64.") from error
    if not keys or any(len(key) != 32 or not 0 < len(name) < 16 for name, key in keys):
        raise ConfigurationError(
            "ENCRYPTION_KEYS needs at least one id:base64 of 32 bytes, "
            'for example k1:"$(openssl rand -base64 32)".'
        )
    return keys


def _database_url(url: str | None, data: Path) -> str:
    return _driver(url) or f"sqlite:///{data / 'candor.db'}"


def _driver(url: str | None) -> str | None:
    """Plain `postgres://` and `postgresql://` addresses mean psycopg 3."""
    if not url:
        return None
    scheme, separator, rest = url.partition("://")
    if scheme in ("postgres", "postgresql"):
        return f"postgresql+psycopg{separator}{rest}"
    return url


def _smtp_url(text: str | None) -> str | None:
    if not text:
        return None
    try:
        url = urlsplit(text)
        usable = url.scheme in ("smtp", "smtps") and bool(url.hostname) and url.port != 0
    except ValueError:
        usable = False
    if not usable or url.query not in ("", "tls=starttls", "tls=none"):
        raise ConfigurationError(
            "SMTP_URL is smtp://user:password@host:587?tls=starttls or smtps://user:password@host. "
            "Write special characters of the password as %40."
        )
    return text


def _mail_from(text: str | None, url: str) -> str:
    host = urlsplit(url).hostname or "localhost"
    sender = text or f"Candor <noreply@{'localhost' if ':' in host else host}>"
    if not MAILBOX.fullmatch(sender):
        raise ConfigurationError("MAIL_FROM is a sender like: Candor <noreply@example.com>")
    return sender


def _sign_up(text: str | None) -> str:
    if text not in (None, "", "open", "closed"):
        raise ConfigurationError("SIGN_UP is either open or closed.")
    return text or "open"


def _outbound_allow(environ: Mapping[str, str], env: str) -> frozenset[str]:
    """`host:port,host:port` that may be reached though they are not public. For development."""
    if env == "production":
        return frozenset()
    entries = environ.get("CANDOR_OUTBOUND_ALLOW", "").split(",")
    return frozenset(entry.strip().lower() for entry in entries if entry.strip())


def _geoip_path(text: str | None) -> Path | None:
    if not text:
        return None
    path = Path(text).resolve()
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - GEOIP_TAIL))
            usable = GEOIP_MARKER in file.read()
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"GEOIP_PATH: {error}") from error
    if not usable:
        raise ConfigurationError(f"GEOIP_PATH: {path} is not a database in MaxMind's format.")
    return path


def _data_centres_path(text: str | None) -> Path | None:
    if not text:
        return None
    path = Path(text).resolve()
    networks_in(path)
    return path


def _count(environ: Mapping[str, str], name: str, default: int) -> int:
    value = environ.get(name, "")
    if not value:
        return default
    if not value.isdigit():
        raise ConfigurationError(f"{name} is a whole number.")
    return int(value)
