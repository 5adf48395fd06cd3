"""What the documentation says of settings, metrics, alerts and files is what there is."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from shared.auth.scopes import MEANINGS
from shared.config import describe, load_settings

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
OPERATING = (DOCS / "operating.md").read_text()
RULES = ROOT / "deploy" / "monitoring" / "rules.yml"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
SOURCES = ("shared", "services", "deploy", "cli")


def test_the_settings_are_those_that_there_are() -> None:
    """When this fails, the right-hand side is the table."""
    table = re.findall(r"^\| `KUDOS_\w+` \|.*$", OPERATING, re.M)
    assert table == [
        f"| `{each.variable}` | {f'`{each.value}`' if each.value else ''} | {each.meaning} |"
        for each in describe(load_settings({}))
    ]


def test_the_scopes_are_those_that_there_are() -> None:
    table = re.findall(r"^\| `([a-z:]+)` \| (.*) \|$", (DOCS / "api.md").read_text(), re.M)
    assert dict(table) == MEANINGS


def test_every_metric_is_explained_and_every_one_explained_exists() -> None:
    explained = re.findall(r"^\| `(kudos_\w+)` \|", OPERATING, re.M)
    assert len(explained) == len(set(explained))
    assert set(explained) == set(metrics())


def test_alerts_ask_for_metrics_that_exist() -> None:
    asked = {
        re.sub(r"_(bucket|sum|count)$", "", name)
        for name in re.findall(r"\bkudos_\w+", RULES.read_text())
    }
    assert asked
    assert asked <= set(metrics())


def test_every_alert_says_in_the_documentation_what_to_do() -> None:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    alerts = {rule["alert"] for group in groups for rule in group["rules"]}
    explained = set(re.findall(r"\bKudos[A-Z]\w+", OPERATING))
    assert explained == alerts


def test_prometheus_asks_every_process_of_the_compose_file() -> None:
    configuration = yaml.safe_load((RULES.parent / "prometheus.yml").read_text())
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    asked = {
        (name, where["port"])
        for job in configuration["scrape_configs"]
        for where in job["dns_sd_configs"]
        for name in where["names"]
    }
    ours = {
        (name, int(service["environment"].get("KUDOS_PROBE_PORT") or "8000"))
        for name, service in services.items()
        if service.get("command", [""])[0] == "kudos"
    }
    assert asked == ours


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_decisions_that_the_code_names_are_written_down() -> None:
    written = {path.stem for path in (DOCS / "adr").glob("*.md")}
    for path in source_files():
        for name in re.findall(r"docs/adr/(\d{4}[\w-]*)", path.read_text()):
            assert any(each.startswith(name) for each in written), f"{path.name} names {name}"


def test_decisions_have_numbers_of_their_own() -> None:
    numbers = [path.name[:4] for path in (DOCS / "adr").glob("*.md")]
    assert len(numbers) == len(set(numbers))
    assert all(number.isdigit() for number in numbers)


def metrics() -> Iterator[str]:
    """The names under which Prometheus gets the metrics that the code defines."""
    for path in source_files():
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Name("Counter"), args=[ast.Constant(str(name)), *_]):
                    yield f"{name}_total"
                case ast.Call(
                    func=ast.Name("Gauge" | "Histogram" | "Summary"),
                    args=[ast.Constant(str(name)), *_],
                ):
                    yield name


def source_files() -> Iterator[Path]:
    for folder in SOURCES:
        yield from (ROOT / folder).rglob("*.py")
