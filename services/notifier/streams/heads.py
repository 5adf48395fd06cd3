"""The head of an HTTP/1.1 request (RFC 9112), read strictly: a stream has nothing more to read."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from shared.web.problems import BadRequest

MOST_BYTES = 64 * 1024

_REQUEST_LINE = re.compile(r"([A-Z]{1,20}) (/[\x21-\x7e]{0,8000}) HTTP/1\.[01]")
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*")
_NOT_IN_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_ONCE = frozenset({"authorization", "last-event-id", "host", "origin", "kudos-on-behalf-of"})


class Headers(Mapping[str, str]):
    """Header fields, their names in any case."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        self._fields = {name.lower(): value for name, value in fields.items()}

    def __getitem__(self, name: str) -> str:
        return self._fields[name.lower()]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._fields

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)


@dataclass(frozen=True, slots=True)
class Head:
    """A request: `query` by name, the last of a name."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Headers


def parse_head(text: bytes) -> Head:
    """The request whose head is `text`, up to and without the empty line. Raises BadRequest."""
    first, *lines = text.decode("latin-1").split("\r\n")
    line = _REQUEST_LINE.fullmatch(first)
    if line is None:
        raise BadRequest("The request line is not like GET /path HTTP/1.1")
    fields: dict[str, str] = {}
    for each in lines:
        found = _HEADER.fullmatch(each)
        if found is None or _NOT_IN_VALUE.search(found[2]):
            raise BadRequest("A header field is not like Name: value")
        name, value = found[1].lower(), found[2]
        if name in fields and name in _ONCE:
            raise BadRequest(f"The header {found[1]} stands there twice")
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    path, _, query = line[2].partition("?")
    try:
        parameters = dict(parse_qsl(query, keep_blank_values=True, max_num_fields=100))
    except ValueError:
        raise BadRequest("The query has more than 100 parameters") from None
    return Head(line[1], path, parameters, Headers(fields))
