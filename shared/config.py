"""Settings: the only module that reads the environment."""

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from shared.mail_settings import Mailbox, SmtpServer, parse_mailbox, parse_smtp
from shared.references import parse_reference
from shared.secret_keys import SecretKey, parse_key

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


class ConfigError(Exception):
    """A setting, or what it points to, cannot be used; one line that says what to do."""


def _integer(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"\d{1,9}", text) or not low <= int(text) <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(text)

    return parse


def _choice(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.lower() not in choices:
            raise ValueError("one of " + ", ".join(choices))
        return text.lower()

    return parse


def _parts(text: str) -> list[str]:
    return [part for part in re.split(r"[\s,]+", text) if part]


def _timezone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (OSError, ValueError, KeyError):  # a folder, a path, an unknown name
        raise ValueError("a name of the IANA time zone database, like Europe/Berlin") from None
    return text


def _references(text: str) -> frozenset[str]:
    return frozenset(parse_reference(part) for part in _parts(text))


def _networks(text: str) -> tuple[IPNetwork, ...]:
    try:
        return tuple(ipaddress.ip_network(part) for part in _parts(text))
    except ValueError as error:
        raise ValueError(f"networks like 10.1.0.0/16, separated by commas ({error})") from None


def _keys(text: str) -> tuple[SecretKey, ...]:
    return tuple(parse_key(part) for part in _parts(text))


def _origins(text: str) -> tuple[str, ...]:
    for origin in _parts(text):
        parts = urlsplit(origin)
        if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path or parts.query:
            raise ValueError("exact origins like https://intranet.example, separated by commas")
    return tuple(_parts(text))


def _url(*schemes: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if urlsplit(text).scheme not in schemes:
            raise ValueError("a URL that starts with " + " or ".join(f"{s}://" for s in schemes))
        return text

    return parse


def _namespace(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_-]{0,31}", text):
        raise ValueError("1 to 32 of a-z 0-9 _ - that start with a letter")
    return text


def _setting(
    default: Any, meaning: str, parse: Callable[[str], Any] = str, *, secret: bool = False
) -> Any:
    metadata = {"meaning": meaning, "parse": parse, "secret": secret}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Settings:
    """Every setting; the environment variable is KUDOS_ and the field's name in capitals."""

    port: int = _setting(8080, "port of the suite, on loopback", _integer(1, 65535))
    data: Path = _setting(  # noqa: RUF009
        Path("./.kudos"), "folder of the embedded suite's data", Path
    )
    timezone: str = _setting("UTC", "time zone of the calendar periods", _timezone)
    mongo_uri: str | None = _setting(
        None,
        "MongoDB to use; unset: the launcher starts an embedded server",
        _url("mongodb", "mongodb+srv"),
        secret=True,
    )
    event_log: str = _setting(
        "mongo", "where events are kept: mongo or kafka", _choice("mongo", "kafka")
    )
    kafka_bootstrap: str | None = _setting(None, "Kafka brokers, host:port separated by commas")
    jwks_url: str | None = _setting(
        None, "keys that sign the tokens (JWKS)", _url("https", "http", "file")
    )
    jwt_issuer: str | None = _setting(None, "issuer (iss) that tokens must carry")
    jwt_audience: str | None = _setting(None, "audience (aud) that tokens must carry")
    jwt_person_claim: str = _setting(
        "sub", "claim that names the person; `email` matches the directory"
    )
    admins: frozenset[str] = _setting(
        frozenset(), "people who hold every scope, separated by commas", _references
    )
    cors_origins: tuple[str, ...] = _setting(
        (), "exact origins of pages that may call the API, separated by commas", _origins
    )
    webhook_allow: tuple[IPNetwork, ...] = _setting(
        (), "networks that webhooks may reach besides public addresses", _networks
    )
    secret_keys: tuple[SecretKey, ...] = _setting(
        (),
        "keys (32 bytes in base64, separated by commas) that seal secrets at rest and sign links: "
        "the first is the present one, the others open what they sealed",
        _keys,
        secret=True,
    )
    public_url: str | None = _setting(
        None,
        "where people reach the suite, for links in messages, like https://kudos.example.org",
        _url("https", "http"),
    )
    smtp_url: SmtpServer | None = _setting(  # noqa: RUF009
        None,
        "server that takes mail, like smtps://user:password@mail.example.org:465; "
        "unset: nobody gets mail",
        parse_smtp,
        secret=True,
    )
    mail_from: Mailbox | None = _setting(  # noqa: RUF009
        None, "whom mail comes from, like Kudos <kudos@example.org>", parse_mailbox
    )
    fair_play: str = _setting(
        "advise",
        "fair play: off, advise (refuses repeats, advises on limits) or enforce",
        _choice("off", "advise", "enforce"),
    )
    amend_hours: int = _setting(
        24, "hours in which the giver may amend a recognition", _integer(0, 8784)
    )
    boards: str = _setting("people", "people, teams or off", _choice("people", "teams", "off"))
    milestones: Path | None = _setting(  # noqa: RUF009
        None, "JSON file of the milestones that people reach; unset: docs/milestones.md", Path
    )
    namespace: str = _setting(
        "kudos", "first word of the names of databases and topics", _namespace
    )
    log_level: str = _setting(
        "info", "debug, info, warning or error", _choice("debug", "info", "warning", "error")
    )
    probe_port: int | None = _setting(
        None, "port where a worker answers /livez, /readyz and /metrics", _integer(1, 65535)
    )
    nudges: Path | None = _setting(  # noqa: RUF009
        None, "folder through which processes of one machine wake each other; `up` sets it", Path
    )
    streams: Path | None = _setting(  # noqa: RUF009
        None,
        "Unix socket through which the gateway of one machine hands over live streams; `up` "
        "sets it",
        Path,
    )
    bind: str = _setting("127.0.0.1", "address that `kudos serve` and the probes listen on")
    web_workers: int = _setting(2, "processes of each API server", _integer(1, 64))
    web_threads: int = _setting(8, "threads of each API process", _integer(1, 256))

    def __post_init__(self) -> None:
        tokens = (self.jwks_url, self.jwt_issuer, self.jwt_audience)
        if any(tokens) and not all(tokens):
            raise ConfigError(
                "KUDOS_JWKS_URL, KUDOS_JWT_ISSUER and KUDOS_JWT_AUDIENCE belong together: "
                "set all three, or none"
            )
        if self.event_log == "kafka" and not self.kafka_bootstrap:
            raise ConfigError(
                "KUDOS_EVENT_LOG=kafka needs KUDOS_KAFKA_BOOTSTRAP, like kafka1:9092,kafka2:9092"
            )
        if self.smtp_url and not (self.mail_from and self.public_url):
            raise ConfigError(
                "KUDOS_SMTP_URL needs KUDOS_MAIL_FROM, like Kudos <kudos@example.org>, and "
                "KUDOS_PUBLIC_URL, which links in mail lead to"
            )

    def database(self, service: str) -> str:
        """The name of the database that a service (or `log`) owns."""
        return f"{self.namespace}_{service}"


@dataclass(frozen=True)
class Setting:
    """One line of `kudos config`."""

    variable: str
    value: str
    meaning: str
    is_default: bool


def load_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings in `environ`; an empty variable counts as unset.

    Raises ConfigError that names the variable, what it holds and what would be accepted.
    """
    values: dict[str, Any] = {}
    for item in fields(Settings):
        variable = f"KUDOS_{item.name.upper()}"
        text = environ.get(variable, "").strip()
        if not text:
            continue
        try:
            values[item.name] = item.metadata["parse"](text)
        except ValueError as error:
            shown = "its value" if item.metadata["secret"] else repr(text)
            raise ConfigError(f"{variable}: {shown} is not accepted: wanted {error}") from None
    return Settings(**values)


def describe(settings: Settings) -> list[Setting]:
    """Every setting with its value (passwords hidden) and meaning, in order of declaration."""
    return [
        Setting(
            variable=f"KUDOS_{item.name.upper()}",
            value=_shown(getattr(settings, item.name)),
            meaning=item.metadata["meaning"],
            is_default=getattr(settings, item.name) == item.default,
        )
        for item in fields(Settings)
    ]


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, frozenset):
        return ",".join(sorted(value))
    if isinstance(value, tuple) and any(isinstance(part, SecretKey) for part in value):
        return ",".join(f"***(id {part.id})" for part in value)
    if isinstance(value, tuple):
        return ",".join(str(part) for part in value)
    return re.sub(r"(://[^:/@]+:)[^@]+@", r"\1***@", str(value))
