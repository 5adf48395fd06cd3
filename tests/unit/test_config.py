"""Settings: defaults, what each variable takes, and one clear line for what it does not."""

import pytest

from shared.config import ConfigError, Settings, describe, load_settings


def test_without_an_environment_everything_has_a_default():
    settings = load_settings({})
    assert settings == Settings()
    assert (settings.port, settings.event_log, settings.boards) == (8080, "mongo", "people")


def test_an_empty_variable_counts_as_unset():
    assert load_settings({"KUDOS_PORT": "", "KUDOS_TIMEZONE": "  "}) == Settings()


def test_lists_and_references_are_read():
    settings = load_settings(
        {
            "KUDOS_ADMINS": "ada, person:grace",
            "KUDOS_CORS_ORIGINS": "https://a.example,http://localhost:3000",
            "KUDOS_WEBHOOK_ALLOW": "10.0.0.0/8 fd00::/8",
        }
    )
    assert settings.admins == {"person:ada", "person:grace"}
    assert settings.cors_origins == ("https://a.example", "http://localhost:3000")
    assert [str(network) for network in settings.webhook_allow] == ["10.0.0.0/8", "fd00::/8"]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("KUDOS_PORT", "0"),
        ("KUDOS_PORT", "70000"),
        ("KUDOS_PORT", "http"),
        ("KUDOS_TIMEZONE", "Mars/Olympus"),
        ("KUDOS_TIMEZONE", "../../etc/passwd"),
        ("KUDOS_TIMEZONE", "Europe"),
        ("KUDOS_MONGO_URI", "postgres://localhost"),
        ("KUDOS_EVENT_LOG", "rabbit"),
        ("KUDOS_ADMINS", "Ada Lovelace!"),
        ("KUDOS_CORS_ORIGINS", "https://a.example/path"),
        ("KUDOS_CORS_ORIGINS", "*"),
        ("KUDOS_WEBHOOK_ALLOW", "10.0.0.1/8"),
        ("KUDOS_BOARDS", "some"),
        ("KUDOS_FAIR_PLAY", "always"),
        ("KUDOS_NAMESPACE", "Kudos!"),
    ],
)
def test_a_bad_value_is_one_line_that_names_the_variable(variable: str, value: str):
    with pytest.raises(ConfigError) as error:
        load_settings({variable: value})
    assert str(error.value).startswith(f"{variable}: ")
    assert "\n" not in str(error.value)


def test_kafka_needs_its_brokers():
    with pytest.raises(ConfigError, match="KUDOS_KAFKA_BOOTSTRAP"):
        load_settings({"KUDOS_EVENT_LOG": "kafka"})


def test_the_settings_of_tokens_belong_together():
    with pytest.raises(ConfigError, match="belong together"):
        load_settings({"KUDOS_JWKS_URL": "https://id.example/jwks"})


def test_every_setting_is_described_and_no_password_shown():
    settings = load_settings({"KUDOS_MONGO_URI": "mongodb://kudos:s3cret@db/?replicaSet=rs0"})
    described = {setting.variable: setting for setting in describe(settings)}
    assert "s3cret" not in str(described)
    assert described["KUDOS_MONGO_URI"].value == "mongodb://kudos:***@db/?replicaSet=rs0"
    assert all(setting.meaning for setting in described.values())


def test_a_secret_that_is_refused_is_not_repeated():
    with pytest.raises(ConfigError) as error:
        load_settings({"KUDOS_MONGO_URI": "mysql://kudos:s3cret@db"})
    assert "s3cret" not in str(error.value)
