"""Preconditions: nobody's change is overwritten unseen."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask

from shared.web.etags import etag, if_none_match_star, require_if_match, require_put_precondition
from shared.web.problems import BadRequest, PreconditionFailed, PreconditionRequired


@contextmanager
def request_with(**headers: str) -> Iterator[None]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with Flask(__name__).test_request_context(headers=named):
        yield


def test_a_change_without_if_match_is_refused() -> None:
    with request_with(), pytest.raises(PreconditionRequired):
        require_if_match(3)


@pytest.mark.parametrize("header", ['"3"', 'W/"3"', '"1", "3"', '"1",W/"3" ', "*", f"{etag(3)}"])
def test_a_change_of_the_revision_that_was_read_passes(header: str) -> None:
    with request_with(If_Match=header):
        require_if_match(3)


@pytest.mark.parametrize("header", ['"2"', '"33"', '"1", "2"', '""'])
def test_a_change_of_another_revision_is_refused(header: str) -> None:
    with request_with(If_Match=header), pytest.raises(PreconditionFailed) as caught:
        require_if_match(3)
    assert caught.value.extensions["etag"] == '"3"'


@pytest.mark.parametrize("header", ["3", '"3', '"3" "4"', '*"3"', '"3",'])
def test_what_is_no_list_of_tags_cannot_be_read(header: str) -> None:
    with request_with(If_Match=header), pytest.raises(BadRequest):
        require_if_match(3)


def test_a_put_creates_only_when_told_to() -> None:
    with request_with(If_None_Match="*"):
        assert if_none_match_star()
        require_put_precondition(None)
    with request_with(), pytest.raises(PreconditionRequired):
        require_put_precondition(None)
    with request_with(If_Match='"1"'), pytest.raises(PreconditionFailed):
        require_put_precondition(None)


def test_a_put_changes_only_what_was_read() -> None:
    with request_with(If_Match='"4"'):
        require_put_precondition(4)
    with request_with(If_None_Match="*"), pytest.raises(PreconditionFailed):
        require_put_precondition(4)
    with request_with(), pytest.raises(PreconditionRequired):
        require_put_precondition(4)
    with request_with(If_Match='"3"'), pytest.raises(PreconditionFailed):
        require_put_precondition(4)
