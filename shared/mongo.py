"""Connections and transactions: every write of the suite goes through what is here."""

import contextlib
import random
import re
import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar
from uuid import UUID
from weakref import WeakKeyDictionary

from pymongo import InsertOne, MongoClient, ReplaceOne
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.errors import ConfigurationError, InvalidURI, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.uri_parser import parse_uri
from pymongo.write_concern import WriteConcern

from shared.config import ConfigError
from shared.sessions import SessionFiles

Document = dict[str, Any]
Client = MongoClient[Document]

T = TypeVar("T")

_DURABLE = WriteConcern("majority", j=True)
_SNAPSHOT = ReadConcern("snapshot")
_UPDATED_AT_ONCE = 50
_DELETED_AT_ONCE = 25
_INDEX_IS_ANOTHER = {85, 86}  # IndexOptionsConflict, IndexKeySpecsConflict

_session_files: WeakKeyDictionary[Client, SessionFiles] = WeakKeyDictionary()

FEW_WRITES, MANY_WRITES = 2_500, 50_000
"""Documents that a transaction should write at most: SecantusDB's server in Python takes a second
for the few, and stood still for good on 20,000; others take the many, or say that their cache is
too small for them (docs/adr/0012)."""

FEW_LOOK_UPS, MANY_LOOK_UPS = 25, 200
"""Values of an `$in` that is read: SecantusDB's server in Python compares each document with all of
them (0.12 ms a document with 25, 0.16 with 50, 0.41 with 200); others 0.014 ms from 100 on."""

_in_python: WeakKeyDictionary[Client, bool] = WeakKeyDictionary()

_TOO_LARGE_FOR_CACHE = 388


def connect(uri: str, app_name: str, **options: Any) -> Client:
    """A client whose writes are durable when they return and whose reads are never rolled back.

    Make it after the process has forked. It connects when first used; every operation has an
    end: 5 s to find a server, 30 s for an answer. `options` are those of MongoClient. Raises
    ConfigError for a URI that is none.
    """
    try:
        client: Client = MongoClient(
            uri,
            appname=app_name,
            tz_aware=True,
            w="majority",
            journal=True,
            readConcernLevel="majority",
            serverSelectionTimeoutMS=5_000,
            connectTimeoutMS=5_000,
            socketTimeoutMS=30_000,
            **options,
        )
        nodes = parse_uri(uri)["nodelist"] if uri.startswith("mongodb://") else [(uri, 0)]
    except (InvalidURI, ConfigurationError, ValueError) as error:
        raise ConfigError(f"KUDOS_MONGO_URI cannot be used: {error}") from None
    _session_files[client] = SessionFiles.of_servers(f"{host}:{port}" for host, port in nodes)
    return client


def require_transactions(client: Client) -> None:
    """Refuse a server that cannot keep what section 6 of the design promises.

    Raises ConfigError, one line that says what to do, when it is unreachable, refuses us, or is
    no replica set (and no mongos): only those have transactions.
    """
    try:
        hello = client.admin.command("hello")
    except PyMongoError as error:
        where = ", ".join(f"{host}:{port}" for host, port in _addresses(client)) or "the server"
        raise ConfigError(f"cannot reach MongoDB at {where}: {_reason(error)}") from None
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        raise ConfigError(
            "MongoDB runs without a replica set, so it has no transactions: start it with "
            "`mongod --replSet rs0` and run `rs.initiate()` once in mongosh (one node is enough)"
        )


def _reason(error: PyMongoError) -> str:
    """Why the first server did not answer, without its address and the driver's settings."""
    first = str(error).partition(" (configured timeouts")[0].partition(",")[0]
    return re.sub(r"^(\S+:\d+: )?(\[Errno \d+\] )?", "", first)


def _addresses(client: Client) -> Iterable[tuple[str, int | None]]:
    return client.topology_description.server_descriptions().keys()


def most_writes(client: Client) -> int:
    """How many documents one transaction should write at most, by what the server bears."""
    return FEW_WRITES if _is_in_python(client) else MANY_WRITES


def drops_slowly(client: Client) -> bool:
    """Whether the server answers nobody while it drops a collection, and takes long for it."""
    return _is_in_python(client)


def _is_in_python(client: Client) -> bool:
    """Whether the server is SecantusDB's in Python; asked once for each client."""
    if client not in _in_python:
        info = client.server_info()
        _in_python[client] = "secantusVersion" in info and "storageEngines" not in info
    return _in_python[client]


def is_too_large(error: OperationFailure) -> bool:
    """Whether the server says that a transaction does not fit into its cache."""
    codes = {failure["code"] for failure in (error.details or {}).get("writeErrors", ())}
    return _TOO_LARGE_FOR_CACHE in codes | {error.code}


def in_transaction(
    client: Client, work: Callable[[ClientSession], T], *, seconds: float = 15.0
) -> T:
    """What `work(session)` returns, once everything it wrote is durable; all of it or nothing.

    It is run again, with jitter, when another transaction was in the way or the connection was
    lost, until `seconds` have passed; then the last error is raised. When the answer to a commit
    is lost, and the server with it, `work` may run although it was already applied: its first
    write must be one that cannot succeed twice (a guarded update, a unique key).
    """
    deadline = time.monotonic() + seconds
    if not sessions_of(client):
        end_sessions_of_the_dead(client)
    for attempt in range(1_000_000):
        try:
            return _attempt(client, work, deadline)
        except PyMongoError as error:
            passing = error.has_error_label("TransientTransactionError")
            if not passing or time.monotonic() > deadline:
                raise
        end_sessions_of_the_dead(client)
        time.sleep(random.uniform(0.2, 1.0) * min(0.2, 0.002 * 2 ** min(attempt, 8)))  # noqa: S311
    raise AssertionError("unreachable")


def run_again(error: PyMongoError) -> PyMongoError:
    """`error`, marked as passing: `in_transaction` runs its work again for it. For what another
    transaction was faster with, and what then is there to be read."""
    error._add_error_label("TransientTransactionError")
    return error


def _attempt(client: Client, work: Callable[[ClientSession], T], deadline: float) -> T:
    with (
        client.start_session() as session,
        session.start_transaction(read_concern=_SNAPSHOT, write_concern=_DURABLE),
    ):
        if client in _session_files:
            _session_files[client].note(session.session_id["id"].as_uuid())
        result = work(session)
        while True:
            try:
                session.commit_transaction()
            except PyMongoError as error:
                unknown = error.has_error_label("UnknownTransactionCommitResult")
                if not unknown or time.monotonic() > deadline:
                    raise
                time.sleep(random.uniform(0.01, 0.1))  # noqa: S311
            else:
                return result


def sessions_of(client: Client) -> list[UUID]:
    """The sessions in which this process ran transactions on `client`."""
    return _session_files[client].noted() if client in _session_files else []


def end_sessions_of_the_dead(client: Client) -> None:
    """Release what processes of this host held when they were killed in a transaction."""
    if client in _session_files:
        _session_files[client].end_those_of_the_dead(client)


def ensure_index(
    collection: Collection[Document], keys: str | Sequence[tuple[str, int]], **options: Any
) -> None:
    """Create an index, in place of what an earlier version made under the same name.

    `options` are those of create_index, `name` among them. Safe to repeat, and for several at once.
    """
    try:
        collection.create_index(keys, **options)
    except OperationFailure as error:
        if error.code not in _INDEX_IS_ANOTHER:
            raise
        with contextlib.suppress(OperationFailure):  # another process dropped it first
            collection.drop_index(options["name"])
        collection.create_index(keys, **options)


def find_many(
    collection: Collection[Document],
    field: str,
    values: Iterable[Any],
    projection: Mapping[str, Any] | None = None,
    session: ClientSession | None = None,
    *,
    also: Mapping[str, Any] | None = None,
) -> Iterator[Document]:
    """The documents whose `field` is one of `values` (and that meet `also`), asked for in chunks
    of what the server bears."""
    in_python = _is_in_python(collection.database.client)
    for chunk in _chunks(values, FEW_LOOK_UPS if in_python else MANY_LOOK_UPS):
        yield from collection.find(
            {**(also or {}), field: {"$in": chunk}}, projection, session=session
        )


def update_many(
    collection: Collection[Document],
    ids: Iterable[Any],
    update: Mapping[str, Any],
    session: ClientSession,
) -> None:
    """The same update of every document whose `_id` is one of `ids`, within a transaction.

    One statement for many documents: on SecantusDB a statement costs more than what it does.
    """
    for chunk in _chunks(ids, _UPDATED_AT_ONCE):
        collection.update_many({"_id": {"$in": chunk}}, update, session=session)


def delete_each(collection: Collection[Document], ids: Iterable[Any]) -> None:
    """Delete the documents whose `_id` is one of `ids`, a few at a statement: safe to repeat.

    SecantusDB's server in Python takes 0.3 ms for each of 25, and 0.5 for each of 100.
    """
    for chunk in _chunks(ids, _DELETED_AT_ONCE):
        collection.delete_many({"_id": {"$in": chunk}})


def write_of(document: Document, *, is_new: bool) -> InsertOne[Document] | ReplaceOne[Document]:
    """What stores a whole document, which nobody else writes, and which `is_new` or is not.

    An insert in bulk costs half of what an upsert does, on SecantusDB a third.
    """
    return InsertOne(document) if is_new else ReplaceOne({"_id": document["_id"]}, document)


def put_each(
    collection: Collection[Document],
    documents: Iterable[Document],
    known: Container[Any],
    session: ClientSession,
) -> None:
    """Store whole documents: in place of those whose `_id` is in `known`, the others as new."""
    writes = [write_of(document, is_new=document["_id"] not in known) for document in documents]
    if writes:
        collection.bulk_write(writes, ordered=False, session=session)


def _chunks(values: Iterable[Any], size: int) -> Iterator[list[Any]]:
    remaining = iter(dict.fromkeys(values))
    while chunk := list(islice(remaining, size)):
        yield chunk
