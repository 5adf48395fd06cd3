"""The made-up company: the same from the same seed, and nothing in it that would be refused."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.made_up.company import COLUMNS, PARTNERS, make_company
from cli.made_up.year import make_year
from shared.references import is_id
from shared.times import parse_rfc3339, to_rfc3339

NOW = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
SEEDS = st.integers(0, 1000)


def test_the_same_seed_makes_the_same_company_and_year():
    first, again = make_company(3, 40), make_company(3, 40)

    assert first.as_csv() == again.as_csv()
    assert list(make_year(first, 3, NOW)) == list(make_year(again, 3, NOW))
    assert make_company(4, 40).as_csv() != first.as_csv()


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, people=st.integers(20, 700))
def test_everybody_has_an_id_of_their_own_and_a_manager_above(seed: int, people: int):
    company = make_company(seed, people)
    ids = [person.id for person in company.people]

    assert len(ids) == people
    assert ids[:2] == ["ada", "grace"]
    assert len(set(ids)) == people
    assert all(is_id(each) for each in ids)
    for place, person in enumerate(company.people):
        assert not person.manager or person.manager in ids[:place]
    tops = [person for person in company.people if not person.manager and not person.partner]
    assert [person.id for person in tops] == ["ada"]
    assert any(person.partner for person in company.people)


def test_the_csv_names_a_team_or_a_partner_of_each():
    rows = list(csv.DictReader(io.StringIO(make_company(1, 120).as_csv().decode())))

    assert tuple(rows[0]) == COLUMNS
    assert all(bool(row["team"]) != bool(row["partner"]) for row in rows)
    assert {row["partner"] for row in rows} - {""} == set(PARTNERS)


@settings(max_examples=10, deadline=None)
@given(seed=SEEDS)
def test_nobody_thanks_themselves_or_from_the_future(seed: int):
    company = make_company(seed, 30)
    groups = {f"team:{name}" for name in company.groups}
    records = list(make_year(company, seed, NOW))

    assert len({record["external_id"] for record in records}) == len(records)
    for record in records:
        assert record["giver"] not in record["recipients"]
        assert len(set(record["recipients"])) == len(record["recipients"]) >= 1
        assert all(to in groups or is_id(to) for to in record["recipients"])
        assert parse_rfc3339(record["given_at"]) <= NOW
        assert 1 <= len(record["message"]) <= 2000
        assert "{" not in record["message"]


def test_a_day_later_only_that_day_is_new():
    company = make_company(1, 60)
    tomorrow = NOW + timedelta(days=1)

    today = {record["external_id"]: record for record in make_year(company, 1, NOW)}
    later = {record["external_id"]: record for record in make_year(company, 1, tomorrow)}

    new = [later[name] for name in later.keys() - today.keys()]
    assert new
    asked_today = to_rfc3339(NOW - timedelta(days=1))
    assert all(
        record["given_at"] > (asked_today if "promise" in record else to_rfc3339(NOW))
        for record in new
    )
    assert all(later[name] == today[name] for name in later.keys() & today.keys())


@pytest.mark.parametrize("people", [20, 120, 400])
def test_it_has_open_pleases_of_the_last_days_only(people: int):
    records = list(make_year(make_company(1, people), 1, NOW))

    pleases = [r for r in records if r["kind"] == "please" and "promise" not in r]
    assert pleases
    assert all(record["given_at"] > to_rfc3339(NOW - timedelta(days=12)) for record in pleases)
    assert all(record["needed_by"] > to_rfc3339(NOW) for record in pleases)


def test_it_has_promises_that_were_kept_and_some_that_were_late():
    records = [r for r in make_year(make_company(1, 120), 1, NOW) if "promise" in r]
    for record in records:
        promise = record["promise"]
        times = [record["given_at"], promise["promised_at"], promise["due_at"]]
        assert times == sorted(times)
        is_kept = record["fulfilled_at"] <= promise["due_at"]
        assert promise["outcome"] == ("kept" if is_kept else "late")
        assert promise["by"] == record["recipients"][0]
        assert record["fulfilled_at"] <= to_rfc3339(NOW)
    late = sum(record["promise"]["outcome"] == "late" for record in records)
    assert 0.05 < late / len(records) < 0.3
