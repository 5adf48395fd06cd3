"""What docker-compose.yml and the Dockerfile promise: hardened, bounded, no secret, one way in."""

import ast
import dataclasses
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from cli.main import kudos
from shared.config import Settings, load_settings
from shared.secret_keys import new_key
from tests import compose

IDENTITY = {
    "KUDOS_JWKS_URL": "https://id.example/jwks",
    "KUDOS_JWT_ISSUER": "https://id.example",
    "KUDOS_JWT_AUDIENCE": "kudos",
}
APIS = {"recognition", "leaderboard", "notifier", "streams"}
WORKERS = {"relay", "clock", "projector", "fan-out", "dispatcher"}
OWN = APIS | WORKERS
DOCKERFILE = compose.ROOT / "deploy" / "docker" / "Dockerfile"

SECRETS = {"KUDOS_SECRET_KEYS": new_key().text}
NEEDED = IDENTITY | SECRETS

ALL = compose.services(NEEDED, profiles=frozenset({"monitoring"}))
every_service = pytest.mark.parametrize(("name", "service"), ALL.items(), ids=ALL)


def test_everything_that_a_suite_needs_is_there() -> None:
    assert set(compose.services(NEEDED)) == OWN | {"gateway", "mongo", "kafka"}


@every_service
def test_is_hardened_and_bounded(name: str, service: dict[str, Any]) -> None:
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["user"].partition(":")[0] not in {"", "0", "root"}
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["deploy"]["resources"]["limits"]["memory"]
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}
    assert not service.get("privileged")
    if name != "kafka":  # its image writes its configuration into its own folders
        assert service["read_only"] is True


@every_service
def test_the_image_is_pinned(name: str, service: dict[str, Any]) -> None:
    tag = service["image"].partition(":")[2]
    assert re.search(r"\d+\.\d+\.\d+", tag), f"{name} takes whatever {service['image']} is"


def test_the_images_that_are_built_start_from_pinned_ones() -> None:
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE.read_text(), re.M)
    assert bases
    assert all(re.search(r":\d+\.\d+\.\d+", base) for base in bases)


def test_the_images_that_are_built_do_not_run_as_root() -> None:
    stages = DOCKERFILE.read_text().split("\nFROM ")
    for stage in stages[2:]:  # after the comment and the stage that builds
        users = re.findall(r"^USER (\S+)", stage, re.M)
        assert users
        assert users[-1].partition(":")[0].isdigit()


def test_the_folders_of_the_images_exist() -> None:
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE.read_text(), re.M)
    names = [name for line in copied for name in line.split()]
    assert "requirements.lock" in names
    assert all((compose.ROOT / name).exists() for name in names)


def test_only_the_gateway_is_published_and_only_on_loopback_by_default() -> None:
    published = {name: s["ports"] for name, s in compose.services(NEEDED).items() if "ports" in s}
    assert published == {"gateway": ["127.0.0.1:8080:8080"]}
    assert ALL["prometheus"]["ports"] == ["127.0.0.1:9090:9090"]


def test_another_address_can_be_published() -> None:
    services = compose.services(NEEDED | {"KUDOS_PUBLISH": "10.0.0.5:443"})
    assert services["gateway"]["ports"] == ["10.0.0.5:443:8080"]


def test_the_databases_are_on_a_network_without_a_way_out() -> None:
    document = yaml.safe_load(compose.FILE.read_text())
    assert document["networks"]["data"] == {"internal": True}
    assert ALL["mongo"]["networks"] == ALL["kafka"]["networks"] == ["data"]
    assert ALL["gateway"]["networks"] == ["web"]


@pytest.mark.parametrize("name", NEEDED)
def test_it_says_what_to_set_when_something_is_missing(name: str) -> None:
    others = {key: value for key, value in NEEDED.items() if key != name}
    with pytest.raises(compose.MissingVariable, match=f"{name}: set it to "):
        compose.services(others)


def test_the_files_hold_no_secret() -> None:
    word = re.compile(r"password|passwd|secret|token|credential|private[_-]?key", re.I)
    for path in (compose.FILE, compose.WITHOUT_KAFKA, DOCKERFILE):
        document = yaml.safe_load(path.read_text()) if path.suffix == ".yml" else path.read_text()
        for text in _texts(document):
            names = word.findall(text)
            is_name = text == "KUDOS_SECRET_KEYS" or text.startswith("${KUDOS_SECRET_KEYS:?")
            assert not names or "tokens" in text or is_name, f"{path.name}: {text}"
        assert not re.search(r"://[^/\s]*:[^/\s]*@", path.read_text())


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield str(key)
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    else:
        yield str(value)


@pytest.mark.parametrize("name", sorted(OWN))
def test_every_command_exists(name: str) -> None:
    program, command, argument = ALL[name]["command"]
    assert program == "kudos"
    found = kudos.get_command(None, command)  # type: ignore[arg-type]
    assert found is not None
    assert argument in found.params[0].type.choices  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", sorted(OWN))
def test_every_setting_is_accepted(name: str) -> None:
    settings = load_settings(ALL[name]["environment"])
    assert settings.jwks_url == IDENTITY["KUDOS_JWKS_URL"]
    assert settings.event_log == "kafka"
    assert (settings.probe_port is None) == (name in APIS)


def test_every_setting_can_be_made_from_outside_or_is_fixed_by_the_file() -> None:
    """A new setting must be handed to the containers, or be said here to be of no use there."""
    of_the_launcher = {"KUDOS_DATA", "KUDOS_NUDGES", "KUDOS_STREAMS"}
    known = {f"KUDOS_{field.name.upper()}" for field in dataclasses.fields(Settings)}
    passed = {name for each in OWN for name in ALL[each]["environment"]}
    assert known - passed == of_the_launcher
    assert {name for name in passed if name.startswith("KUDOS_")} <= known


def test_the_name_of_a_service_is_the_host_that_others_ask() -> None:
    environment = ALL["relay"]["environment"]
    assert environment["KUDOS_MONGO_URI"].startswith("mongodb://mongo:27017/")
    assert environment["KUDOS_KAFKA_BOOTSTRAP"] == "kafka:9092"
    configuration = (compose.ROOT / "deploy" / "docker" / "nginx.conf").read_text()
    assert set(re.findall(r"server (\w+):8000 resolve;", configuration)) == APIS
    assert {ALL[name]["environment"]["KUDOS_PORT"] for name in APIS} == {"8000"}


def test_whoever_is_needed_is_waited_for_until_healthy() -> None:
    for name in OWN | {"gateway"}:
        for needed, how in ALL[name]["depends_on"].items():
            assert needed in ALL
            assert how["condition"] == "service_healthy"


def test_without_kafka_the_log_is_kept_in_mongodb() -> None:
    services = compose.services(NEEDED, compose.WITHOUT_KAFKA)
    assert "kafka" not in services
    for name in OWN:
        assert load_settings(services[name]["environment"]).event_log == "mongo"
        assert services[name]["depends_on"].get("kafka", {}).get("required") is not True


def test_every_volume_is_declared() -> None:
    declared = set(yaml.safe_load(compose.FILE.read_text())["volumes"])
    used = {v.partition(":")[0] for service in ALL.values() for v in service.get("volumes", [])}
    assert {name for name in used if not name.startswith(".")} == declared


def test_the_check_of_mongodb_is_javascript() -> None:
    script = ALL["mongo"]["healthcheck"]["test"][-1]
    assert "rs.initiate" in script
    if node := shutil.which("node"):
        subprocess.run([node, "--check", "-"], input=script, text=True, check=True, timeout=30)


def test_the_check_of_our_own_containers_is_a_module_of_the_image() -> None:
    assert ALL["relay"]["healthcheck"]["test"] == ["CMD", "python", "-m", "deploy.docker.health"]
    source = (compose.ROOT / "deploy" / "docker" / "health.py").read_text()
    assert ast.parse(source)
