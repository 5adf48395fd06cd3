"""The states of kudos.privacy.v1: what services ask of each other about a person."""

from marshmallow import fields

from shared.events.contract_fields import Contract, count, reference, text


class PrivacyRequestState(Contract):
    """What every service is to do about a person, once it has folded the log up to `after`."""

    id = text()
    person = reference()
    after = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)


class ErasureState(PrivacyRequestState):
    """Who is to be forgotten, and the id that stands for them from now on; `key` is that of the
    fingerprints (shared/erased.py)."""

    alias = reference()
    key = text()


class PrivacyDoneState(Contract):
    """A service did what the request `id` asked of it."""

    id = text()
    service = text()


class HeldState(PrivacyDoneState):
    """A part of what a service holds about the person that the request `id` names."""

    number = count(1)
    section = text()
    items = fields.List(fields.Dict(), required=True)
