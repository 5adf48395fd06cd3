"""Rules that every module keeps; DESIGN and STYLE in the form of tests."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SERVICES = sorted(path.name for path in (ROOT / "services").iterdir() if path.is_dir())
PACKAGES = ("shared", "services", "deploy", "cli")

# Who may look at the environment besides shared/config.py, and why.
ENVIRONMENT = {
    "shared/config.py": "it turns the environment into settings",
    "shared/telemetry.py": "prometheus_client is told by its own variable that processes share",
    "shared/web/server.py": "it sets that variable for the processes that it starts",
    "deploy/embedded/launcher.py": "it hands the environment to its children",
    "deploy/embedded/children.py": "a fork takes on the environment that it is given",
    "cli/client.py": "KUDOS_URL and KUDOS_TOKEN are the caller's, no settings of the suite",
}


def modules(*packages: str) -> list[Path]:
    paths = [path for package in packages for path in (ROOT / package).rglob("*.py")]
    assert paths
    return sorted(paths)


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def imports(path: Path) -> Iterator[str]:
    """The dotted name of everything that a module imports."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name(path)}:{node.lineno} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def breaches(path: Path, *forbidden: str) -> list[str]:
    return [
        f"{name(path)} imports {imported}"
        for imported in imports(path)
        if any(imported == package or imported.startswith(f"{package}.") for package in forbidden)
    ]


@pytest.mark.parametrize("service", [name for name in SERVICES if not name.startswith("__")])
def test_a_service_imports_no_other_service(service: str) -> None:
    others = [f"services.{other}" for other in SERVICES if other != service]
    for path in modules(f"services/{service}"):
        assert breaches(path, *others, "cli", "deploy") == []


def test_shared_imports_nothing_of_ours_but_shared() -> None:
    for path in modules("shared"):
        assert breaches(path, "services", "cli", "deploy", "tests") == []


def test_nothing_that_ships_imports_the_tests_or_the_embedded_server() -> None:
    for path in modules(*PACKAGES):
        assert breaches(path, "tests", "secantus") == []


def test_domains_are_pure() -> None:
    """No Flask, no database, no clock, no environment (STYLE, Shape)."""
    impure = ("flask", "flask_smorest", "pymongo", "kafka", "time", "os", "random", "shared.mongo",
              "shared.web", "shared.eventlog", "shared.config", "shared.telemetry")  # fmt: skip
    for path in modules(*(f"services/{service}" for service in SERVICES)):
        if "domain" in path.parts:
            assert breaches(path, *impure) == []
            assert "datetime.now" not in path.read_text(), name(path)


def test_kafka_is_imported_in_one_module() -> None:
    importing = {name(path) for path in modules(*PACKAGES) if breaches(path, "kafka")}
    assert importing == {"shared/eventlog/kafka.py"}


def test_the_log_collections_are_touched_by_the_event_log_alone() -> None:
    for path in modules(*PACKAGES):
        if not name(path).startswith("shared/eventlog/"):
            assert 'database("log")' not in path.read_text(), name(path)


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """The last name of what is called, and the call."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute):
                yield node.func.attr, node
            elif isinstance(node.func, ast.Name):
                yield node.func.id, node


def test_no_write_reads_the_document_as_it_was_before() -> None:
    """SecantusDB answers racing threads with the same pre-image (DESIGN section 3), and with
    nothing at all when they race to insert with it."""
    found = []
    for path in modules(*PACKAGES, "tests"):
        for called, call in calls(path):
            if called.startswith("find_one_and_"):
                options = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
                after = options.get("return_document") in {"ReturnDocument.AFTER", "AFTER"}
                if not after or "upsert" in options:
                    found.append(f"{name(path)}:{call.lineno}")
    assert found == []


def test_only_the_settings_read_the_environment() -> None:
    reading = {
        name(path)
        for path in modules(*PACKAGES)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute)
        and node.attr in {"environ", "getenv"}
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
    }
    assert reading == set(ENVIRONMENT)


def test_nothing_catches_everything_in_silence() -> None:
    """`except: pass` hides a failure (STYLE, Errors)."""
    found = []
    for path in modules(*PACKAGES):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ExceptHandler):
                broad = node.type is None or ast.unparse(node.type) in {
                    "Exception",
                    "BaseException",
                }
                if broad and all(isinstance(step, ast.Pass) for step in node.body):
                    found.append(f"{name(path)}:{node.lineno}")
    assert found == []


def test_files_stay_short() -> None:
    long = {
        name(path): lines
        for path in modules(*PACKAGES, "tests")
        if (lines := len(path.read_text().splitlines()))
        > (600 if path.is_relative_to(ROOT / "tests") else 300)
    }
    assert long == {}
