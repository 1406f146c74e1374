import os
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_evpl.sandbox.config import SandboxConfig
from airflow_provider_evpl.sandbox.data import Direction, End, Network, Series, Timestamps, utilization
from tests.support.sandbox import DAY

HOUR = 3600
WEEK = range(DAY + 86_400, DAY + 8 * 86_400, 300)  # Monday to Sunday
BUSY, IDLE = (1, 5, 9, 13), (4, 8, 12, 16)

moments = st.integers(-(10**10), 2 * 10**11)
networks = st.builds(
    Network,
    circuits=st.integers(0, 6),
    granularity_seconds=st.sampled_from([1, 7, 60, 300, 900, HOUR, 86_400, 604_800]),
    seed=st.integers(-(10**6), 10**30),
)


def _value(circuit: int, timestamp: int, *, end: End = "A", direction: Direction = "in") -> float:
    return utilization(seed=7, circuit=circuit, end=end, direction=direction, timestamp=timestamp)


def _average(circuits: tuple[int, ...], times: list[int]) -> float:
    return mean(_value(circuit, time) for circuit in circuits for time in times)


@given(
    seed=st.integers(),
    circuit=st.integers(1, 10**6),
    end=st.sampled_from(["A", "Z"]),
    direction=st.sampled_from(["in", "out"]),
    timestamp=moments,
)
def test_values_are_percentages_with_two_decimals(
    seed: int, circuit: int, end: End, direction: Direction, timestamp: int
) -> None:
    """Every value is a percentage with at most two decimals."""
    percent = utilization(seed=seed, circuit=circuit, end=end, direction=direction, timestamp=timestamp)
    assert 0 <= percent <= 100
    assert percent == round(percent, 2) == float(f"{percent:.2f}")


@pytest.mark.contract("sandbox.pure-values")
@pytest.mark.parametrize(
    ("circuit", "end", "direction", "timestamp", "expected"),
    [
        (1, "A", "in", DAY, 32.76),
        (1, "Z", "out", DAY, 34.48),
        (4, "A", "out", DAY + 12 * HOUR, 0.78),
        (20, "Z", "in", 0, 0.93),
        (3, "A", "in", -301, 9.31),
        (13, "A", "in", DAY + 12 * HOUR, 62.31),
    ],
)
def test_values_are_the_same_on_each_machine_and_release(
    circuit: int, end: End, direction: Direction, timestamp: int, expected: float
) -> None:
    """The expected values were written down once."""
    assert _value(circuit, timestamp, end=end, direction=direction) == expected


@pytest.mark.contract("sandbox.pure-values")
def test_another_process_computes_the_same_values() -> None:
    """Hashes of text differ between processes; the values do not."""
    code = (
        "from airflow_provider_evpl.sandbox.data import Network;"
        f"n = Network(circuits=3, granularity_seconds=300, seed=11);"
        f"print(list(n.truth(start={DAY}, end={DAY + HOUR})))"
    )
    network = Network(circuits=3, granularity_seconds=300, seed=11)
    expected = f"{list(network.truth(start=DAY, end=DAY + HOUR))}\n"
    for hash_seed in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            check=True,
            encoding="utf-8",
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONIOENCODING": "utf-8"},
        )
        assert done.stdout == expected


def test_noon_is_busier_than_night() -> None:
    """A busy circuit carries more at noon of a workday than at night."""
    noon = [time for time in WEEK if time % 86_400 // HOUR in {12, 13}][:120]
    night = [time for time in WEEK if time % 86_400 // HOUR in {1, 2}][:120]
    for circuit in BUSY:
        assert _average((circuit,), noon) > 1.3 * _average((circuit,), night)


def test_workdays_are_busier_than_weekends() -> None:
    """Saturday and Sunday are quieter than the workdays before them."""
    assert _average(BUSY, list(WEEK[: 5 * 288])) > 1.1 * _average(BUSY, list(WEEK[5 * 288 :]))


def test_busy_circuits_carry_several_times_more_than_idle_ones() -> None:
    """Every busy circuit carries several times what any idle one does."""
    idle = max(_average((circuit,), list(WEEK)) for circuit in IDLE)
    busy = min(_average((circuit,), list(WEEK)) for circuit in BUSY)
    assert busy > 5 * idle


@pytest.mark.parametrize("circuit", [13, 33])
@pytest.mark.parametrize(("end", "direction"), [("A", "in"), ("Z", "out")])
def test_circuit_13_of_20_is_nearly_full_in_one_direction(
    circuit: int, end: End, direction: Direction
) -> None:
    """Its 95th percentile is above 90 from A to Z, and that of a busy circuit from Z to A."""
    way, back = (
        sorted(_value(circuit, time, end=end, direction=one) for time in WEEK)
        for one in (direction, "out" if direction == "in" else "in")
    )
    rank = -(-95 * len(WEEK) // 100)
    assert 90 < way[rank - 1] <= way[-1] <= 100
    assert back[rank - 1] < 80


def test_idle_circuits_burst_rarely() -> None:
    """Now and then an idle circuit bursts, and seldom."""
    month = [_value(4, time) for time in range(DAY, DAY + 30 * 86_400, 300)]
    assert 0 < sum(percent > 25 for percent in month) < len(month) / 50


def test_traffic_in_at_one_end_comes_out_at_the_other() -> None:
    """What goes in at one end comes out at the other, but for noise; the way back is another."""
    there = [_value(1, time) for time in WEEK]
    arrived = [_value(1, time, end="Z", direction="out") for time in WEEK]
    back = [_value(1, time, direction="out") for time in WEEK]
    noise = mean(abs(one - other) for one, other in zip(there, arrived, strict=True))
    difference = mean(abs(one - other) for one, other in zip(there, back, strict=True))
    assert 0 < noise < difference


@given(networks)
def test_series_are_distinct(network: Network) -> None:
    """Four series per circuit, each with names of its own; the two ends are at two places."""
    assert len({series[3:] for series in network.series}) == 4 * network.circuits
    places = {(series.circuit, series.end): series.pop_name for series in network.series}
    for circuit in range(1, network.circuits + 1):
        assert places[circuit, "A"] != places[circuit, "Z"]


@pytest.mark.contract("sandbox.pure-values")
@given(networks, moments, st.integers(0, 40))
def test_the_expected_rows_are_each_series_at_each_step(network: Network, start: int, steps: int) -> None:
    """The expected rows are each series at each step in `[start, end)`, and nothing else."""
    end = start + steps * network.granularity_seconds
    first = start - start % network.granularity_seconds
    grid = [first + index * network.granularity_seconds for index in range(steps + 2)]
    rows = {tuple(row) for row in network.truth(start=start, end=end)}
    assert rows == {
        (*series[3:], step, _utilization(network, series, step))
        for series in network.series
        for step in grid
        if start <= step < end
    }


@given(networks, moments, st.lists(st.floats(0, 10**4), min_size=3, max_size=3).map(sorted))
def test_adjacent_windows_hold_the_rows_of_their_union(
    network: Network, origin: int, offsets: list[float]
) -> None:
    """Two windows that touch hold what their union holds: no step twice, none lost."""
    moments = [origin + offset * network.granularity_seconds / 1000 for offset in offsets]
    parts = [list(network.steps(start=start, end=end)) for start, end in pairwise(moments)]
    assert [*parts[0], *parts[1]] == list(network.steps(start=moments[0], end=moments[2]))


@pytest.mark.contract("sandbox.pure-values")
@pytest.mark.parametrize(("timestamps", "first"), [("start", 0), ("end", 1)])
@pytest.mark.parametrize("further", [("1h", 12), ("1d", 288), ("5m", 1)])
@given(seed=st.integers(0, 99), number=st.integers(-(10**4), 10**4))
def test_further_granularities_are_means(
    timestamps: Timestamps, first: int, further: tuple[str, int], seed: int, number: int
) -> None:
    """A further value is the mean of the measured values from its timestamp on, or up to it."""
    granularity, count = further
    config = SandboxConfig(circuits=1, seed=seed, granularities=(granularity,), timestamps=timestamps)
    measured, coarser = config.networks["300s"], config.networks[granularity]
    step = number * coarser.granularity_seconds
    begin = step if timestamps == "start" else step - coarser.granularity_seconds
    within = range(begin + first * 300, begin + (first + count) * 300, 300)
    for series in coarser.series:
        (value,) = coarser.values(series, steps=[step])
        assert value == pytest.approx(mean(measured.values(series, steps=within)), abs=0.005001)
        assert value == round(value, 2)


def test_timestamps_do_not_change_measured_values() -> None:
    """Both meanings of a timestamp have the same measured samples."""
    starts, ends = (SandboxConfig(timestamps=one).networks["300s"] for one in ("start", "end"))
    assert list(starts.truth(start=DAY, end=DAY + HOUR)) == list(ends.truth(start=DAY, end=DAY + HOUR))


@given(networks, moments, st.integers(-10, 10), st.integers(0, 40))
def test_no_rows_before_and_after_the_limits(network: Network, start: int, since: int, steps: int) -> None:
    """The rows are those of a network without limits, except the earlier and the later ones."""
    step = network.granularity_seconds
    first, last = start + since * step, start + (since + 7) * step
    limited = replace(network, since=first, until=last)
    rows = list(network.truth(start=start, end=start + steps * step))
    kept = [row for row in rows if first <= row.timestamp < last]
    assert list(limited.truth(start=start, end=start + steps * step)) == kept


def _utilization(network: Network, series: Series, step: int) -> float:
    return utilization(
        seed=network.seed,
        circuit=series.circuit,
        end=series.end,
        direction=series.direction,
        timestamp=step,
    )
