"""Insights as their readers see them: who takes part, whom nobody thanks, what flows where."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from services.leaderboard.breakdown import Breakdown
from services.leaderboard.domain import coverage as days_of_late
from services.leaderboard.domain import insights as formulas
from services.leaderboard.domain.boards import TOOK_PART
from services.leaderboard.domain.credits import NOBODY
from services.leaderboard.domain.insight_metrics import TO_PEOPLE
from services.leaderboard.domain.insight_rights import may_name, may_see_own_thanks
from services.leaderboard.domain.insights import INSIGHTS, Insight, Kind
from services.leaderboard.domain.periods import Period, day_of, parse_period
from services.leaderboard.figures import Figures
from services.leaderboard.insight_question import Asked, Question
from services.leaderboard.present import Moment, Present
from services.leaderboard.trend_scopes import MOST_IN_LINE, Scope, TrendScopes
from services.leaderboard.trends import MOST_DOCUMENTS
from services.leaderboard.views import period_view, person_views
from shared import times
from shared.auth.caller import Caller
from shared.config import Settings
from shared.mongo import Client
from shared.web.parsing import invalid
from shared.web.problems import Forbidden, NotFound

DEFAULT_DAYS = 30
_Answer = dict[str, Any]
SCOPES = ("org", "team", "line", "person", "partner")
_OF_ONE_INSIGHT = {"days": "coverage", "value": "flows"}


class Insights:
    """What the API answers about insights."""

    def __init__(
        self, settings: Settings, client: Client, now: Callable[[], datetime] = times.now
    ) -> None:
        self._db = client[settings.database("leaderboard")]
        self._present = Present(settings, client, now)
        self._reader = self._present.reader
        self._scopes = TrendScopes(self._db, "insights")
        self._breakdown = Breakdown(self._db)
        self._answers: Mapping[str, Callable[[Question], _Answer]] = {
            "participation": self._participation,
            "coverage": self._coverage,
            "flows": self._flows,
            "direction": self._direction,
            "reciprocity": self._reciprocity,
            "concentration": self._concentration,
            "promises": self._promises,
        }

    def insight(self, caller: Caller, name: str, asked: Asked) -> _Answer:
        """The answer, ready to send.

        Raises Forbidden for people of a partner and for what is not the caller's to see, NotFound
        for an insight, a scope or a value that there is not, Unprocessable for a parameter or a
        scope that the insight does not have, a period that is none, and for too many people.
        """
        if caller.partner is not None:
            raise Forbidden("People of a partner see no insights of the organisation")
        if name not in INSIGHTS:
            raise NotFound(f"There is no insight {name!r}; there are: {', '.join(INSIGHTS)}")
        insight, moment = INSIGHTS[name], self._present.moment()
        zone = self._present.zone(moment)
        period = self._period(name, asked, moment)
        kind = _kind_of(asked.scope, name, insight)
        scope = self._scopes.resolve(caller, asked.scope, None)
        generation = moment.generation.id if moment.generation else ""
        figures = Figures(self._db, self._reader, generation, period)
        today = day_of(self._present.now(), zone)
        question = Question(caller, scope, kind, figures, period, zone, today, asked)
        answer = self._answers[name](question)
        rows = answer.pop("rows", [])
        return {
            "insight": name,
            "definition": insight.definition,
            "source": insight.source,
            "scope": scope.name,
            "period": answer.pop("period", period_view(period)),
            "figures": answer,
            "rows": rows,
            "people": self._people(scope, rows),
            **self._present.freshness(moment),
        }

    def _period(self, name: str, asked: Asked, moment: Moment) -> Period:
        for parameter, of in _OF_ONE_INSIGHT.items():
            if getattr(asked, parameter) is not None and name != of:
                raise invalid({parameter: [f"goes with {of} only"]}, "query")
        if asked.period is not None and name == "coverage":
            raise invalid({"period": ["goes not with coverage, which takes `days`"]}, "query")
        period = self._present.period(moment, asked.period)
        if asked.value is not None and period.kind in ("day", "week"):
            raise invalid({"value": ["is counted by months and longer periods"]}, "query")
        return period

    def _participation(self, question: Question) -> _Answer:
        boards, figures = ("given", "received", TOOK_PART), question.figures
        if question.kind == "org":
            active, _ = figures.covered(question.today, question.today)
            return formulas.participation(active, *map(figures.active_on, boards))
        people = self._people_of(question)
        gave, received, either = (len(figures.scores(board, people)) for board in boards)
        answer = formulas.participation(len(people), gave, received, either)
        if question.kind == "line":
            answer |= self._own_thanks(question)
        return answer

    def _own_thanks(self, question: Question) -> _Answer:
        manager = str(question.scope.ref)
        if not may_see_own_thanks(manager, question.caller.person, sees_all=question.sees_all):
            return {}
        direct = self._scopes.reports.direct_reports(manager, MOST_IN_LINE)
        given = question.figures.given_by([manager])
        return formulas.own_thanks(direct, given.get(manager, {}))

    def _coverage(self, question: Question) -> _Answer:
        days = question.asked.days or DEFAULT_DAYS
        first = days_of_late.first_day(question.today, days)
        spanned = {"period": _days(first, question.today, question.zone)}
        if question.kind == "org":
            active, covered = question.figures.covered(first, question.today)
            return {"days": days, **formulas.coverage(active, covered), **spanned}
        people = self._people_of(question)
        last = question.figures.last_days(people)
        nothing = [ref for ref in people if last.get(ref, "") < first]
        answer = formulas.coverage(len(people), len(people) - len(nothing))
        if may_name(question.kind, sees_all=question.sees_all):
            answer["rows"] = [{"person": ref, "last_received": last.get(ref)} for ref in nothing]
        return {"days": days, **answer, **spanned}

    def _flows(self, question: Question) -> _Answer:
        value = question.asked.value
        known = self._reader.values()
        if value is not None and value not in known:
            raise NotFound(f"There is no value {value!r}; there are: {', '.join(known)}")
        groups = self._breakdown.groups()
        within = groups.within(question.scope.ref)
        figures, segment = question.figures, question.segment
        total = figures.flow_total("flows", segment)
        same = sum(figures.flows_of("flows", groups.to_themselves(within), segment).values())
        answer = formulas.crossing(total, same)
        rows = self._breakdown.rows(question, groups, "flows")
        answer["not_shown"] = total - sum(number for _, _, number in rows)
        return {
            **answer,
            "rows": [{"from": a, "to": b, "credits": number} for a, b, number in rows],
        }

    def _direction(self, question: Question) -> _Answer:
        return formulas.direction(self._totals(question))

    def _reciprocity(self, question: Question) -> _Answer:
        figures = question.figures
        if question.kind == "org":
            pairs = figures.pair_totals()
            return formulas.reciprocity(pairs.directed, pairs.mutual)
        if question.kind == "person":
            person = str(question.scope.ref)
            own = figures.given_by([person]).get(person, {})
            return formulas.returned(person, {**figures.given_by(list(own)), person: own})
        people = self._people_of(question)
        return formulas.reciprocity(*formulas.pairs_within(people, figures.given_by(people)))

    def _concentration(self, question: Question) -> _Answer:
        figures = question.figures
        if question.kind == "org":
            credits = self._totals(question).get(TO_PEOPLE, 0)
            most = formulas.most_thanked(figures.pair_totals().most, credits)
            return {**formulas.top_tenth(figures.histogram("received")), **most}
        people = self._people_of(question)
        scores = Counter(figures.scores("received", people).values())
        most = formulas.most_thanked_by(figures.given_by(people))
        return {**formulas.top_tenth(scores), **most}

    def _promises(self, question: Question) -> _Answer:
        totals = self._totals(question)
        answer = {**formulas.promises(totals), **formulas.service_levels(totals)}
        if question.kind not in ("org", "team"):
            return answer
        places = self._breakdown.rows(question, self._breakdown.groups(), "flow_promised")
        flows = [f"{provider}>{customer}" for provider, customer, _ in places]
        parts = {
            name: question.figures.flows_of(board, flows, question.segment)
            for name, board in (
                ("kept", "flow_kept"),
                ("late", "flow_late"),
                ("moved_in_time", "flow_moved"),
            )
        }
        answer["rows"] = [
            {
                "provider": provider,
                "customer": customer,
                **formulas.promises({"promised": promised, **_at(parts, flow)}),
            }
            for flow, (provider, customer, promised) in zip(flows, places, strict=True)
        ]
        return answer

    def _totals(self, question: Question) -> Mapping[str, int]:
        last_year = int(question.today[:4]) + 1
        series = question.scope.series
        years = last_year - 1970 if question.period.kind == "all" else 1
        if len(series) * years > MOST_DOCUMENTS and len(series) > 1:
            limit = f"{len(series):,} people over all years are too much for one answer"
            raise invalid({"period": [f"{limit}: ask by years"]}, "query")
        return question.figures.totals(series, last_year)

    def _people_of(self, question: Question) -> list[str]:
        """The active people of a line or a team. Raises Unprocessable for too many."""
        if question.kind == "line":
            return sorted(question.scope.series)
        return self._breakdown.members(str(question.scope.ref))

    def _people(self, scope: Scope, rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        refs = {text for row in rows for text in _references(row)}
        refs |= {scope.ref} if scope.ref else set()
        return person_views(self._reader.entries_of(sorted(refs)))


def _kind_of(scope: str, name: str, insight: Insight) -> Kind:
    named = scope.partition(":")[0]
    if named in SCOPES and named not in insight.scopes:
        accepted = ", ".join(f"{each}:ID" if each != "org" else each for each in insight.scopes)
        raise invalid({"scope": [f"{name} is of {accepted}"]}, "query")
    # What is no scope at all, TrendScopes refuses.
    return next((kind for kind in insight.scopes if kind == named), "org")


def _days(first: str, last: str, zone: ZoneInfo) -> dict[str, Any]:
    spanned = period_view(parse_period(first, zone)), period_view(parse_period(last, zone))
    return {"id": None, "from": spanned[0]["from"], "to": spanned[1]["to"]}


def _at(parts: Mapping[str, Mapping[str, int]], flow: str) -> dict[str, int]:
    return {name: numbers.get(flow, 0) for name, numbers in parts.items()}


def _references(row: Mapping[str, Any]) -> Iterator[str]:
    for name in ("person", "from", "to", "provider", "customer"):
        if name in row and row[name] != NOBODY:
            yield row[name]
