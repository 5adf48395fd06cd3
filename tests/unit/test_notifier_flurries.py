"""Flurries: however events come in batches, the same documents come of them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.domain import flurries
from services.notifier.domain.flurries import (
    MOST,
    WINDOW,
    Book,
    is_amended,
    is_taken_back,
    mark_of,
)

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
Act = tuple[int, str, str, bool]
"""Minutes after noon, whose flurry, the mark, and whether it is taken back."""

ACTS = st.lists(
    st.tuples(st.integers(0, 20), st.sampled_from("xyz"), st.sampled_from("abcdef"), st.booleans()),
    max_size=40,
)


class Store:
    """What a database would hold of them."""

    def __init__(self) -> None:
        self.documents: dict[str, dict[str, Any]] = {}
        self.ids = count()

    def fold(self, batch: Sequence[tuple[datetime, Act]]) -> None:
        """One batch, whose acts happen at one instant (that of the first)."""
        folds = {name for _, (_, name, _, _) in batch}
        marks = {f"{name}{mark}" for _, (_, name, mark, _) in batch}
        found = [
            document
            for document in self.documents.values()
            if document.get("folds") in folds or marks.intersection(document["marks"])
        ]
        now = batch[0][0]
        book = Book(found, now)
        for _, (_, name, mark, is_back) in batch:
            if is_back:
                book.take_back(f"{name}{mark}")
            else:
                identifier = f"{name}{next(self.ids)}"
                new = {"_id": identifier, "folds_until": now + WINDOW, "name": name}
                book.tell(name, {"mark": f"{name}{mark}", "at": now}, lambda new=new: new)
        for document in (*book.told(), *book.amended()):
            self.documents[document["_id"]] = document
        for document in book.emptied():
            self.documents.pop(document["_id"], None)

    def seen(self) -> list[tuple[str, datetime, list[str], bool]]:
        """The documents without their ids."""
        return sorted(
            (each["name"], each["folds_until"], each["marks"], "folds" in each)
            for each in self.documents.values()
        )


def instants(acts: Sequence[Act]) -> list[tuple[datetime, Act]]:
    at, found = NOON, []
    for act in acts:
        at += timedelta(minutes=act[0])
        found.append((at, act))
    return found


@given(acts=ACTS, cuts=st.lists(st.booleans(), min_size=40, max_size=40))
def test_however_the_batches_fall_the_same_comes_of_it(acts: list[Act], cuts: list[bool]) -> None:
    """Acts of one instant may come in one batch or in several."""
    one_by_one, in_batches = Store(), Store()
    timed = instants(
        [(0 if not cut else act[0], *act[1:]) for act, cut in zip(acts, cuts, strict=False)]
    )
    for each in timed:
        one_by_one.fold([each])
    start = 0
    for end in range(1, len(timed) + 1):
        if end == len(timed) or timed[end][0] != timed[start][0]:
            in_batches.fold(timed[start:end])
            start = end
    assert in_batches.seen() == one_by_one.seen()


@given(acts=ACTS)
def test_each_act_that_stands_is_in_one_document_and_no_other(acts: list[Act]) -> None:
    store, standing = Store(), dict[str, datetime]()
    for at, act in instants(acts):
        name = f"{act[1]}{act[2]}"
        if (name in standing) != act[3]:
            continue  # recognition tells neither of one that is there already, nor of none
        store.fold([(at, act)])
        if not act[3]:
            standing[name] = at
        else:
            del standing[name]
    held = [each for document in store.documents.values() for each in document["acts"]]
    assert {each["mark"]: each["at"] for each in held} == standing
    assert len(held) == len(standing)
    for document in store.documents.values():
        times = [each["at"] for each in document["acts"]]
        assert max(times) - min(times) < WINDOW
        assert document["marks"] == [each["mark"] for each in document["acts"]]
    still = [document["folds"] for document in store.documents.values() if "folds" in document]
    assert len(still) == len(set(still))


def test_a_full_document_is_followed_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST >= 50
    monkeypatch.setattr(flurries, "MOST", 2)
    store = Store()
    for mark in "abcde":
        store.fold([(NOON, (0, "x", mark, False))])
    assert [marks for _, _, marks, _ in store.seen()] == [["xa", "xb"], ["xc", "xd"], ["xe"]]


def test_the_window_ends_to_the_millisecond() -> None:
    store = Store()
    store.fold([(NOON, (0, "x", "a", False))])
    store.fold([(NOON + WINDOW - timedelta(milliseconds=1), (0, "x", "b", False))])
    store.fold([(NOON + WINDOW, (0, "x", "c", False))])
    assert [marks for _, _, marks, _ in store.seen()] == [["xa", "xb"], ["xc"]]


def test_a_reaction_and_its_taking_back_have_one_mark() -> None:
    def mark(**change: Any) -> str | None:
        return mark_of("kudos.recognition.reacted", "r1", {"by": "person:bob", **change})

    added, back = {"emoji": "👏", "added": True}, {"emoji": "👏", "added": False}
    assert mark(**added) == mark(**back) == "r1 👏\nperson:bob"
    assert mark(emoji="🎉") != mark(emoji="👏")
    assert is_taken_back("kudos.recognition.reacted", back)
    assert not is_taken_back("kudos.recognition.reacted", added)
    assert mark() is None, "an event of a version that says less brings nothing, and no failure"


def test_a_comment_its_amending_and_its_deleting_have_one_mark() -> None:
    types = [f"kudos.recognition.comment{end}" for end in ("ed", "_amended", "_deleted")]
    marks = {mark_of(each, "r1", {"by": "person:x", "comment": {"id": "c1"}}) for each in types}
    assert marks == {"comment c1"}
    assert [is_taken_back(each, {}) for each in types] == [False, False, True]
    assert [is_amended(each) for each in types] == [False, True, False]
    assert mark_of("kudos.recognition.thanked", "r1", {"by": "person:x"}) is None
    assert mark_of(types[0], "r1", {"by": "person:x"}) is None


def test_amending_changes_what_an_act_says() -> None:
    act = {"mark": "m", "change": {"comment": {"message": "old"}}}
    document = {"_id": "1", "folds": "x", "folds_until": NOON, "acts": [act], "marks": ["m"]}
    book = Book([document], NOON)
    book.amend("m", {"comment": {"message": "new"}})
    book.amend("other", {})
    [amended] = book.amended()
    assert amended["acts"] == [{"mark": "m", "change": {"comment": {"message": "new"}}}]
    assert book.told() == book.emptied() == []
