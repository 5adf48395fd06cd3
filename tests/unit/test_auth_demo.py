"""The demo issuer: good for one machine, and for nothing else."""

import json
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from shared.auth import demo, scopes
from shared.auth.tokens import JwtVerifier
from shared.config import ConfigError, Settings
from shared.web.problems import InvalidToken


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data")


def test_its_tokens_are_believed_by_a_suite_with_its_settings(settings: Settings) -> None:
    token = demo.issue(settings, "ada")
    verified = JwtVerifier(demo.demo_settings(settings)).verify(token)
    assert verified.person == "ada"
    assert verified.scopes == scopes.ALL


def test_it_issues_for_references_scopes_and_a_time(settings: Settings) -> None:
    suite = demo.demo_settings(settings)
    token = demo.issue(suite, "person:bob", [scopes.READ], ttl_seconds=-120)
    with pytest.raises(InvalidToken, match="expired"):
        JwtVerifier(suite).verify(token)
    token = demo.issue(suite, "person:bob", [scopes.READ])
    assert JwtVerifier(suite).verify(token).scopes == {scopes.READ}


@pytest.mark.parametrize("person", ["Ada", "team:core", "", "person:"])
def test_it_issues_for_people_only(settings: Settings, person: str) -> None:
    with pytest.raises(ValueError, match="person"):
        demo.issue(settings, person)


def test_it_knows_our_scopes_only(settings: Settings) -> None:
    with pytest.raises(ValueError, match="kudos:raed"):
        demo.issue(settings, "ada", ["kudos:raed"])


def test_tokens_of_another_folder_are_not_believed(settings: Settings, tmp_path: Path) -> None:
    other = replace(settings, data=tmp_path / "other")
    with pytest.raises(InvalidToken):
        JwtVerifier(demo.demo_settings(settings)).verify(demo.issue(other, "ada"))


def test_the_private_key_is_its_owners_alone(settings: Settings) -> None:
    demo.demo_settings(settings)
    folder = settings.data / "demo-issuer"
    assert stat.S_IMODE((folder / "private.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    public = json.loads((folder / "jwks.json").read_text())
    assert "d" not in public["keys"][0]
    assert sorted(path.name for path in folder.iterdir()) == ["jwks.json", "private.json"]


def test_it_steps_aside_for_a_real_issuer(settings: Settings) -> None:
    real = replace(
        settings, jwks_url="https://id.example/jwks", jwt_issuer="https://id.example",
        jwt_audience="kudos",
    )  # fmt: skip
    for use in (lambda: demo.demo_settings(real), lambda: demo.issue(real, "ada")):
        with pytest.raises(ConfigError, match="KUDOS_JWKS_URL"):
            use()
    assert not (settings.data / "demo-issuer").exists()


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.5", "::", "kudos.example", ""])
def test_it_refuses_to_serve_anything_but_loopback(settings: Settings, host: str) -> None:
    with pytest.raises(ConfigError, match="loopback"):
        demo.demo_settings(settings, host)
    with pytest.raises(ConfigError, match="loopback"):
        demo.issue(settings, "ada", host=host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_has_several_names(settings: Settings, host: str) -> None:
    assert demo.demo_settings(settings, host).jwt_issuer == demo.ISSUER


def test_racing_processes_agree_on_one_key(settings: Settings) -> None:
    script = (
        "import sys, pathlib; from shared.config import Settings; from shared.auth import demo;"
        "print(demo.issue(Settings(data=pathlib.Path(sys.argv[1])), 'ada'))"
    )

    def issue(_number: int) -> str:
        command = [sys.executable, "-c", script, str(settings.data)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    with ThreadPoolExecutor(4) as pool:
        tokens = list(pool.map(issue, range(4)))
    verifier = JwtVerifier(demo.demo_settings(settings))
    assert {verifier.verify(token).person for token in tokens} == {"ada"}


def test_a_damaged_key_or_folder_gets_one_clear_line(settings: Settings, tmp_path: Path) -> None:
    demo.demo_settings(settings)
    (settings.data / "demo-issuer" / "private.json").write_text("{")
    with pytest.raises(ConfigError, match="damaged"):
        demo.issue(settings, "ada")
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(ConfigError, match="cannot use"):
        demo.demo_settings(Settings(data=blocked))
