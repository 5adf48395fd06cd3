"""The command `kudos` as a user types it, against a suite that runs."""

import csv
import gzip
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.leaderboard.repository.cells import pack_cells, unpack_cells
from shared.config import Settings
from shared.eventlog import open_log
from shared.eventlog.port import Message
from shared.events import RECOGNITION
from shared.mongo import connect
from tests.conftest import free_port
from tests.suite import KUDOS, Suite, running, wait_until

pytestmark = pytest.mark.xdist_group("cli")

PEOPLE = """id,name,email,team,manager
ada,Ada Lovelace,ada@example.org,core,
grace,Grace Hopper,grace@example.org,core,ada
linus,Linus,linus@example.org,edge,ada
"""
Kudos = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    with running(tmp_path_factory.mktemp("cli")) as suite:
        suite.import_people(PEOPLE.encode())
        yield suite


@pytest.fixture
def kudos(suite: Suite, tmp_path: Path) -> Kudos:
    """Runs `kudos` in an empty folder, on the machine of the suite."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [KUDOS, *arguments],
            cwd=tmp_path,
            env={**suite.environment, **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


def ndjson(*records: object) -> str:
    return "".join(f"{json.dumps(each) if isinstance(each, dict) else each}\n" for each in records)


def recognition(number: object, **changes: object) -> dict[str, object]:
    return {
        "kind": "thank_you",
        "giver": "ada",
        "recipients": ["grace"],
        "message": f"Thank you for {number}",
        "given_at": "2024-02-29T12:00:00Z",
        "external_id": f"cli-{number}",
        **changes,
    }


# --- giving, and looking -------------------------------------------------------------------------


def test_the_curl_that_the_launcher_prints_works_when_pasted(suite: Suite) -> None:
    wait_until(lambda: "Ctrl-C stops" in suite.output.read_text(), 10)
    pasted = re.search(r"^curl .*?[^\\]$", suite.output.read_text(), re.M | re.S)
    assert pasted

    answered = subprocess.run(
        ["bash", "-c", pasted[0]], capture_output=True, text=True, timeout=60, check=False
    )

    assert "HTTP/1.1 201" in answered.stdout, (answered, pasted[0])


def test_a_token_is_all_that_token_prints(suite: Suite, kudos: Kudos) -> None:
    printed = kudos("token", "--as", "grace", "--scope", "kudos:read", "--ttl", "5m")

    assert printed.stderr == ""
    token = printed.stdout.removesuffix("\n")
    me = suite.http.request(
        "GET", f"{suite.url}/recognition/v1/me", headers={"Authorization": f"Bearer {token}"}
    ).json()
    assert (me["reference"], me["scopes"]) == ("person:grace", ["kudos:read"])


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--as", "team:core"], "no person"),
        (["--as", "A b"], "not a reference"),
        (["--as", "ada", "--scope", "everything"], "everything"),
        (["--as", "ada", "--ttl", "soon"], "30m"),
        ([], "--as"),
    ],
)
def test_a_token_for_nobody_or_nothing_is_refused(
    kudos: Kudos, arguments: list[str], word: str
) -> None:
    refused = kudos("token", *arguments)

    assert refused.returncode != 0
    assert refused.stdout == ""
    assert word in refused.stderr
    assert "Traceback" not in refused.stderr


def test_thanks_show_on_the_board(kudos: Kudos) -> None:
    thanked = kudos(
        *("thank", "linus", "grace", "--as", "ada", "-m", "You stayed until it worked."),
        *("--value", "follow-through"),
    )

    assert thanked.returncode == 0, thanked.stderr
    assert "Linus" in thanked.stdout
    wait_until(lambda: "Linus" in kudos("board").stdout, 15, lambda: kudos("board"))
    shown = kudos("board", "received", "--as", "linus")
    assert re.search(r"rank\s+name\s+team\s+score", shown.stdout)
    assert re.search(r"You: rank \d+, score \d+", shown.stdout)
    assert "Linus" in kudos("board", "received", "--period", "all").stdout
    by_team = kudos("board", "received", "--by", "teams", "--csv")
    assert "core" in by_team.stdout
    assert len(list(csv.reader(by_team.stdout.splitlines()))) >= 2
    of_value = kudos("board", "breadth", "--value", "follow-through")
    assert "Linus" in of_value.stdout
    assert re.search(r"rank\s+name\s+team\s+score\s+change", of_value.stdout)
    per_head = kudos("board", "--by", "teams", "--per-head", "--period", "all")
    assert "Core" in per_head.stdout or "not ranked" in per_head.stdout
    assert "there are: " in kudos("board", "--value", "haste").stderr


def test_a_please_is_asked_promised_and_done(kudos: Kudos) -> None:
    asked = kudos("please", "grace", "--as", "ada", "-m", "Could you review it?", "--by", "2d")
    assert asked.returncode == 0, asked.stderr
    id = asked.stdout.split()[-1]
    assert id in kudos("owed", "--as", "grace").stdout
    promised = kudos("promise", id, "--as", "grace", "--by", "3h")
    assert promised.stdout.startswith("Promised by 20"), promised.stderr
    unmoved = kudos("promise", id, "--as", "grace", "--by", "4h")
    assert (unmoved.returncode, "/reason" in unmoved.stderr) == (1, True)
    refused = kudos("promise", id, "--as", "linus", "--by", "4h")
    assert refused.returncode == 1
    assert "--by" in kudos("promise", id, "--as", "grace", "--by", "tomorrow").stderr
    assert kudos("fulfil", id, "--as", "grace").stdout == "Done; the promise is kept.\n"
    assert kudos("owed", "--as", "grace").stdout == "Nothing is owed.\n"


def test_problems_are_told_in_words(kudos: Kudos) -> None:
    refused = kudos("thank", "nobody-here", "--as", "ada", "-m", "Thanks")

    assert refused.returncode == 1
    assert refused.stdout == ""
    assert refused.stderr.startswith("kudos: ")
    assert "/recipients/0" in refused.stderr
    assert "nobody-here" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_period_that_there_is_not_is_told(kudos: Kudos) -> None:
    refused = kudos("board", "--period", "2026-13")

    assert refused.returncode == 1
    assert "2026-13" in refused.stderr


def test_who_thanks_must_be_said(kudos: Kudos) -> None:
    assert "--as" in kudos("thank", "grace", "-m", "Thanks").stderr


def test_elsewhere_the_token_says_who_calls(suite: Suite, kudos: Kudos) -> None:
    elsewhere = {"KUDOS_DATA": "/nowhere", "KUDOS_PORT": "1", "KUDOS_URL": suite.url + "/"}

    thanked = kudos(
        "thank", "grace", "-m", "From afar", KUDOS_TOKEN=suite.token("ada"), **elsewhere
    )
    without = kudos("thank", "grace", "-m", "From afar", **elsewhere)
    forged = kudos("board", KUDOS_TOKEN="nonsense", **elsewhere)

    assert thanked.returncode == 0, thanked.stderr
    assert "KUDOS_TOKEN" in without.stderr
    assert forged.returncode == 1
    assert "Traceback" not in forged.stderr


@pytest.mark.parametrize(
    "command", [("board",), ("thank", "grace", "--as", "ada", "-m", "Hi"), ("export",)], ids=str
)
def test_without_a_suite_it_asks_whether_one_runs(
    kudos: Kudos, tmp_path: Path, command: tuple[str, ...]
) -> None:
    refused = kudos(*command, KUDOS_DATA=str(tmp_path), KUDOS_PORT=str(free_port()))

    assert refused.returncode == 1
    assert "is the suite running?" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_commands_of_the_server_need_its_database(kudos: Kudos, tmp_path: Path) -> None:
    for command in (("key", "list"), ("dlq", "list"), ("work", "relay"), ("serve", "notifier")):
        refused = kudos(*command, KUDOS_DATA=str(tmp_path))

        assert refused.returncode == 1
        assert "KUDOS_MONGO_URI" in refused.stderr
        assert refused.stderr.count("\n") == 1


# --- importing and exporting ---------------------------------------------------------------------


def test_people_come_from_csv_and_again_change_nothing(kudos: Kudos, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text(PEOPLE + "mary,Mary,,edge,linus\n")

    tried = kudos("import", "people.csv", "--dry-run")
    first = kudos("import", "people.csv")
    again = kudos("import", "people.csv")

    assert re.search(r"people +1 would be created", tried.stdout), tried
    assert re.search(r"people +1 were created", first.stdout), first
    assert re.search(r"people +0 were created +0 updated +4 unchanged", again.stdout), again
    assert not list(tmp_path.glob("*refused*"))


def test_a_dry_run_says_in_words_what_would_change_and_who_would_leave(
    kudos: Kudos, tmp_path: Path
) -> None:
    people = PEOPLE.replace("linus,Linus,linus@example.org,edge,ada\n", "zoe,Zoe,,core,grace\n")
    (tmp_path / "people.csv").write_text(people.replace("Grace Hopper", "Grace B. Hopper"))

    kept = kudos("import", "people.csv", "--dry-run")
    tried = kudos("import", "people.csv", "--dry-run", "--deactivate-missing")

    assert "leaves" not in kept.stdout, kept
    lines = tried.stdout.splitlines()
    assert lines[0].endswith("made inactive"), tried
    assert "leaves   person:linus" in lines
    assert "changes  person:grace  name: Grace Hopper -> Grace B. Hopper" in lines
    assert "new      person:zoe  name: Zoe; team: team:core; manager: person:grace" in lines
    assert tried.stderr.count("\n") <= 1

    (tmp_path / "past.ndjson").write_text("{}\n")
    refused = kudos("import", "past.ndjson", "--deactivate-missing")
    assert refused.returncode == 2
    assert "people (CSV) only" in refused.stderr


def test_refused_people_are_written_down_with_the_reasons(kudos: Kudos, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text(PEOPLE + "Bad Id,Bad,,core,\nzoe,Zoe,,core,whoever\n")

    refused = kudos("import", "people.csv")

    assert refused.returncode == 1
    assert "Nothing was imported" in refused.stderr
    with (tmp_path / "people.refused.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["id"] == "Bad Id"
    assert rows[0]["line"] == "5"
    assert "id: " in rows[0]["reason"]


def test_a_csv_without_its_columns_is_told(kudos: Kudos, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("id,name\nada,Ada\n")

    refused = kudos("import", "people.csv")

    assert refused.returncode == 1
    assert "email" in refused.stderr


def test_recognitions_come_from_ndjson_with_a_report_of_what_was_refused(
    kudos: Kudos, tmp_path: Path
) -> None:
    lines = ndjson(
        recognition(1),
        "{broken",
        "",
        recognition(2, recipients=["ada"]),
        recognition(3, recipients=["grace", "linus"]),
    )
    (tmp_path / "past.ndjson").write_text(lines)

    first = kudos("import", "past.ndjson", "--refused", "no.ndjson")
    again = kudos("import", "past.ndjson")

    assert first.returncode == again.returncode == 1
    assert "4 recognitions: 2 created, 0 were there already, 2 refused" in first.stdout, first
    assert "4 recognitions: 0 created, 2 were there already, 2 refused" in again.stdout, again
    refused = [json.loads(line) for line in (tmp_path / "no.ndjson").read_text().splitlines()]
    assert [each["line"] for each in refused] == [2, 4]
    assert refused[0]["text"] == "{broken"
    assert refused[1]["record"]["external_id"] == "cli-2"
    assert all(each["reason"] for each in refused)
    assert (tmp_path / "past.refused.ndjson").exists()


def test_compressed_files_are_imported_and_exported(kudos: Kudos, tmp_path: Path) -> None:
    with gzip.open(tmp_path / "past.ndjson.gz", "wt") as file:
        file.write(ndjson(*(recognition(f"gz-{number}") for number in range(1200))))

    imported = kudos("import", "past.ndjson.gz")
    exported = kudos("export", "--out", "all.ndjson.gz")
    piped = kudos("export")

    assert imported.returncode == 0, imported.stderr
    assert "1,200 created" in imported.stdout
    assert exported.returncode == 0, exported.stderr
    with gzip.open(tmp_path / "all.ndjson.gz", "rt") as file:
        records = [json.loads(line) for line in file]
    assert sum((each["external_id"] or "").startswith("cli-gz-") for each in records) == 1200
    assert len(piped.stdout.splitlines()) == len(records)
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("people.xlsx", b"PK\x03\x04whatever", "save it as CSV"),
        ("list.json", b'[{"kind": "thank_you"}]', "one object a line"),
        ("empty.csv", b"", "is empty"),
        ("note.txt", b"Dear all\n", "neither people as CSV"),
        ("cut.gz", gzip.compress(b"id,name\n" * 10_000, mtime=0)[:40], "cannot read"),
    ],
)
def test_other_files_are_named_for_what_they_are(
    kudos: Kudos, tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(content)

    refused = kudos("import", name)

    assert refused.returncode == 1
    assert words in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_file_that_is_not_there_is_told(kudos: Kudos) -> None:
    assert "cannot read nothing.csv: No such file" in kudos("import", "nothing.csv").stderr


def test_an_import_without_the_right_is_refused(suite: Suite, kudos: Kudos, tmp_path: Path) -> None:
    (tmp_path / "past.ndjson").write_text(ndjson(*(recognition(n) for n in range(20_000))))
    reader = kudos("token", "--as", "ada", "--scope", "kudos:read").stdout.strip()

    refused = kudos("import", "past.ndjson", KUDOS_TOKEN=reader)

    assert refused.returncode == 1
    assert "kudos:import" in refused.stderr


# --- keys, dead letters, rebuild, demo -----------------------------------------------------------


def test_a_key_works_until_it_is_revoked(suite: Suite, kudos: Kudos) -> None:
    made = kudos("key", "create", "--name", "a widget", "--scope", "kudos:read", "--as", "ada")
    assert made.returncode == 0, made.stderr
    token = made.stdout.strip()
    headers = {"Authorization": f"Bearer {token}"}

    def status(path: str) -> int:
        return int(suite.http.request("GET", suite.url + path, headers=headers).status)

    for path in ("/recognition/v1/me", "/leaderboard/v1/boards", "/notifier/v1/inbox"):
        wait_until(lambda path=path: status(path) == 200, 10, lambda path=path: status(path))
    key_id = token.split("_")[1]
    assert f"{key_id}  " in kudos("key", "list").stdout
    assert token.split("_", 2)[2] not in kudos("key", "list").stdout
    assert kudos("key", "revoke", key_id).returncode == 0
    for path in ("/recognition/v1/me", "/leaderboard/v1/boards", "/notifier/v1/inbox"):
        wait_until(lambda path=path: status(path) == 401, 10, lambda path=path: status(path))
    assert "revoked" in kudos("key", "list").stdout


def test_keys_with_unknown_scopes_and_unknown_keys_are_refused(kudos: Kudos) -> None:
    assert "everything" in kudos("key", "create", "--name", "x", "--scope", "everything").stderr
    assert "name: " in kudos("key", "create", "--name", "", "--scope", "kudos:read").stderr
    for act in ("revoke", "rotate"):
        assert "there is no key" in kudos("key", act, "0000").stderr
        assert "the id only" in kudos("key", act, "kk_0000_secret").stderr


def test_a_rotated_key_has_two_secrets_for_a_while(suite: Suite, kudos: Kudos) -> None:
    old = kudos("key", "create", "--name", "r", "--scope", "kudos:read").stdout.strip()
    key_id = old.split("_")[1]
    new = kudos("key", "rotate", key_id).stdout.strip()

    def status(token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        url = f"{suite.url}/recognition/v1/me"
        return int(suite.http.request("GET", url, headers=headers).status)

    assert [status(each) for each in (old, new)] == [200, 200]
    assert "the secret before" in kudos("key", "list").stdout
    last = kudos("key", "rotate", key_id, "--overlap", "0").stdout.strip()
    assert [status(each) for each in (old, new, last)] == [401, 401, 200]
    kudos("key", "revoke", key_id)
    assert "is revoked" in kudos("key", "rotate", key_id).stderr


def test_dead_letters_are_listed_shown_and_replayed(suite: Suite, kudos: Kudos) -> None:
    _append_poison(suite)
    wait_until(lambda: len(kudos("dlq", "list").stdout.splitlines()) >= 2, 20)
    letters = kudos("dlq", "list").stdout.splitlines()
    letter = letters[0].split("  ")[0]

    shown = kudos("dlq", "show", letter)
    replayed = kudos("dlq", "replay", letter)

    assert "poison" in shown.stdout
    assert "1 replayed" in replayed.stderr
    # It is refused again, by every group: replaying mends nothing by itself.
    wait_until(lambda: len(kudos("dlq", "list").stdout.splitlines()) > len(letters) - 1, 20)
    assert letter not in kudos("dlq", "list").stdout
    assert "there is no dead letter" in kudos("dlq", "show", "nobody:nowhere/0/0").stderr
    assert kudos("dlq", "replay").returncode == 1


def _append_poison(suite: Suite) -> None:
    uri = json.loads((suite.folder / "kudos/run/suite.json").read_text())["mongo_uri"]
    settings = Settings(mongo_uri=uri)
    with connect(uri, "tests") as client, open_log(settings, client) as log:
        log.write([Message(RECOGNITION, "poison", {"ce_specversion": "1.0"}, b"not an event")])


def test_a_rebuild_counts_the_same(kudos: Kudos, tmp_path: Path) -> None:
    long_ago = {"given_at": "2023-02-28T12:00:00Z"}
    (tmp_path / "past.ndjson").write_text(ndjson(recognition("before a rebuild", **long_ago)))
    kudos("import", "past.ndjson")

    def counted() -> str:
        return kudos("board", "received", "--period", "2023").stdout.partition("as of")[0]

    wait_until(lambda: "Grace Hopper" in counted(), 15, counted)
    before = counted()

    rebuilt = kudos("rebuild", "leaderboard")

    assert rebuilt.returncode == 0, rebuilt.stderr
    assert re.search(r"from [\d,]+ recognitions", rebuilt.stdout)
    assert counted() == before


def test_verify_says_by_its_status_whether_the_boards_agree(suite: Suite, kudos: Kudos) -> None:
    kudos("thank", "grace", "--as", "ada", "-m", "for being counted twice")

    agreed = kudos("verify")

    assert agreed.returncode == 0, agreed
    assert re.fullmatch(
        r"Everything agrees: compared [\d,]+ lists, [\d,]+ documents of trends, "
        r"[\d,]+ milestones and [\d,]+ sizes of teams with [\d,]+ recognitions.\n",
        agreed.stdout,
    )
    with suite.database() as client:
        [live] = client["kudos_leaderboard"]["generations"].find({"state": "live"})
        lists = client["kudos_leaderboard"][f"lists_{live['_id']}"]
        right = lists.find_one({"_id": "all"})
        assert right
        cells = unpack_cells(right["cells"])
        cell = next(name for name in cells if name.startswith("given|people|"))
        cells[cell]["person:nobody"] = 7
        lists.replace_one({"_id": "all"}, {**right, "cells": pack_cells(cells)})
        try:
            differed = kudos("verify", "--most", "2")
        finally:
            lists.replace_one({"_id": "all"}, right)
    assert differed.returncode == 1, differed
    assert "given all by people: person:nobody: expected 0, stored 7\n" in differed.stdout
    assert re.search(r"^[\d,]+ differences, 2 shown: compared ", differed.stdout, re.M)
    assert len(differed.stdout.splitlines()) == 3
    undone = kudos("verify", KUDOS_URL="http://127.0.0.1:9", KUDOS_TOKEN="x")
    assert undone.returncode == 2
    assert "nothing answers" in undone.stderr


def test_the_demo_fills_the_suite_once(suite: Suite, kudos: Kudos) -> None:
    first = kudos("demo", "--people", "25", "--seed", "7")
    again = kudos("demo", "--people", "25", "--seed", "7")

    assert first.returncode == 0, first.stderr
    assert re.search(r"and [1-9][\d,]* new kudos \(0 were there", first.stdout), first
    assert "refused" not in first.stderr
    assert "(0 entries new), and 0 new kudos" in again.stdout, again
    feed = suite.get("/recognition/v1/recognitions?kind=please&limit=5")
    assert feed["items"]
    verified = kudos("verify")
    assert verified.returncode == 0, verified


# --- help ----------------------------------------------------------------------------------------

COMMANDS = [
    *(("up",), ("serve",), ("work",), ("config",), ("token",), ("key", "create")),
    *(("key", "list"), ("key", "rotate"), ("key", "revoke")),
    *(("import",), ("export",), ("thank",), ("please",), ("promise",), ("fulfil",), ("owed",)),
    *(("board",), ("person", "report"), ("person", "erase")),
    *(("demo",), ("dlq", "list"), ("dlq", "show"), ("dlq", "replay"), ("rebuild", "leaderboard")),
    *(("verify",), ("preview",), ("secrets", "reseal")),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_helps_with_an_example(kudos: Kudos, command: tuple[str, ...]) -> None:
    helped = kudos(*command, "--help")

    assert helped.returncode == 0
    assert f"kudos {' '.join(command)}" in helped.stdout.partition("Example:")[2]


def test_the_first_help_names_every_command(kudos: Kudos) -> None:
    listed = re.findall(r"^  (\w+)  +\S", kudos("--help").stdout.partition("Commands:")[2], re.M)

    assert set(listed) == {command[0] for command in COMMANDS}


def test_settings_are_shown_with_their_meaning(kudos: Kudos) -> None:
    told = json.loads(kudos("config", "--json", KUDOS_BOARDS="teams").stdout)
    table = kudos("config", KUDOS_MONGO_URI="mongodb://me:hush@host/").stdout

    assert {"variable": "KUDOS_BOARDS", "value": "teams"}.items() <= {
        key: value
        for setting in told
        if setting["variable"] == "KUDOS_BOARDS"
        for key, value in setting.items()
    }.items()
    assert "hush" not in table
    assert "time zone of the calendar periods" in " ".join(table.split())


@pytest.mark.parametrize(
    "command",
    [
        *(("token", "--as", "ada"), ("board", "received"), ("owed", "--as", "ada"), ("demo",)),
        *(("key", "list"), ("dlq", "list"), ("rebuild", "leaderboard"), ("config",)),
    ],
    ids=" ".join,
)
def test_where_no_suite_is_a_command_makes_nothing(
    kudos: Kudos, tmp_path: Path, command: tuple[str, ...]
):
    nowhere = tmp_path / "nowhere"

    done = kudos(*command, KUDOS_DATA=str(nowhere))

    assert list(tmp_path.iterdir()) == []
    if command != ("config",):
        assert done.returncode == 1
        assert str(nowhere) in done.stderr
        assert "kudos up" in done.stderr
