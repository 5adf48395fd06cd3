"""Lines of the bench's report."""

import statistics

from tests.bench.load import median_ratio


def ratio_line(
    name: str,
    unit: str,
    pairs: list[tuple[float, float]],
    *,
    goal: float | None = None,
    at_most: bool = False,
) -> str:
    """One line: both medians, the median of the ratios with their spread, and the goal, if any."""
    ours = statistics.median(pair[0] for pair in pairs)
    floor = statistics.median(pair[1] for pair in pairs)
    ratio, low, high = median_ratio(pairs)
    line = (
        f"{name:<34} {ours:>10,.0f}{unit:<3} floor {floor:>10,.0f}{unit:<3} "
        f"ratio {ratio:.2f} ({low:.2f} to {high:.2f})"
    )
    if goal is None:
        return line
    met = ratio <= goal if at_most else ratio >= goal
    sign = "<=" if at_most else ">="
    return f"{line}  goal {sign} {goal}: {'met' if met else 'MISSED'}"


def latency_line(name: str, seconds: list[float], *, goal_milliseconds: float) -> str:
    """One line: p50 and p99 in milliseconds, and the goal for p99."""
    ordered = sorted(seconds)
    p50 = ordered[len(ordered) // 2] * 1000
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] * 1000
    verdict = "met" if p99 < goal_milliseconds else "MISSED"
    return (
        f"{name:<34} p50 {p50:>6.0f} ms   p99 {p99:>6.0f} ms   of {len(ordered)}   "
        f"goal p99 < {goal_milliseconds:.0f} ms: {verdict}"
    )
