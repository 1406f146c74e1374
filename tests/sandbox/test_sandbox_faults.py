import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_evpl.sandbox.__main__ import main
from airflow_provider_evpl.sandbox.config import SandboxConfig
from airflow_provider_evpl.sandbox.data import Network
from airflow_provider_evpl.sandbox.faults.fault import change
from airflow_provider_evpl.sandbox.faults.registry import FAULTS, read_faults
from airflow_provider_evpl.sandbox.faults.render import render_faulty_page
from airflow_provider_evpl.sandbox.faults.tokens import TOKEN_FAULTS, Grant
from airflow_provider_evpl.sandbox.pages import PageRequest, render_page
from tests.support.sandbox import DAY, HEALTHY, PAGE_STARTS, ask, client_of

DOCS = Path(__file__).parents[2] / "docs" / "sandbox-faults.md"


def test_a_sandbox_without_faults_serves_the_pinned_bytes() -> None:
    """A sandbox without faults serves byte for byte what it did before there were any."""
    network = Network(circuits=9, granularity_seconds=300, seed=7)
    steps = range(DAY, DAY + 86_400, 300)
    served = b"".join(
        render_page(network, page=PageRequest(steps, first=first, size=size))
        for first in (1, 4, 9, 26, 36, 37, 38, 99)
        for size in (1, 7, 25, 36)
    )
    expected = "c148d7d39884fa705729bc8cca0eef9f80c51e8d2f992f8b6d5247a045fac777"
    assert hashlib.sha256(served).hexdigest() == expected


@given(
    circuits=st.integers(0, 6),
    size=st.integers(1, 30),
    first=st.integers(1, 60),
    start=st.integers(-(10**9), 10**10),
    length=st.integers(0, 10**4),
)
def test_a_page_before_its_fault_equals_the_healthy_page(
    circuits: int, size: int, first: int, start: int, length: int
) -> None:
    """The page that faults are put into is, before that, byte for byte the healthy one."""
    network = Network(circuits=circuits, granularity_seconds=300, seed=7)
    page = PageRequest(network.steps(start=start, end=start + length), first=first, size=size)
    faulty = render_faulty_page(network, page=page, pull=1, names=frozenset())
    assert faulty == render_page(network, page=page)


@given(
    names=st.frozensets(st.sampled_from(list(FAULTS)), max_size=6),
    first=st.integers(1, 9),
    size=st.integers(1, 9),
    hours=st.integers(0, 24),
    pull=st.integers(0, 2),
)
def test_any_faults_together_give_an_answer(
    names: frozenset[str], first: int, size: int, hours: int, pull: int
) -> None:
    """Any combination of faults gives a page and an answer of the token endpoint."""
    network = Network(circuits=2, granularity_seconds=3600, seed=7)
    page = PageRequest(network.steps(start=DAY, end=DAY + hours * 3600), first=first, size=size)
    assert isinstance(json.loads(render_faulty_page(network, page=page, pull=pull, names=names)), dict)
    right = Grant({"token_type": "Bearer", "access_token": "x", "expires_in": 60}, life_seconds=60)
    assert change(right, seam=TOKEN_FAULTS, names=names).answer.keys() <= right.answer.keys()


def test_a_fault_with_a_count_strikes_that_many_answers() -> None:
    """After that it never strikes again; an answer that it cannot change does not count."""
    client = client_of("page-repeated:2")
    pulls = [[ask(client, index).json() for index in PAGE_STARTS] for _ in range(4)]
    assert [pull != HEALTHY for pull in pulls] == [True, True, False, False]


def test_each_fault_has_its_own_count() -> None:
    """Each of several faults has a count of its own."""
    client = client_of("value-null:1", "has-next-text:2", "page-field-unknown")
    answers = [ask(client, 1).text for _ in range(3)]
    assert ['"value":null' in text for text in answers] == [True, False, False]
    assert ['"hasNext":"true"' in text for text in answers] == [True, True, False]
    assert ["generatedAt" in text for text in answers] == [True, True, True]


@pytest.mark.parametrize(
    "text",
    ["", "x", "page-repeated:", "page-repeated:0", "page-repeated:-1", "page-repeated:x", ":1", "list"],
)
def test_an_unknown_fault_is_an_error_that_lists_the_known_ones(text: str) -> None:
    """A fault that is not known, or not countable, is an error that names it and all that are known."""
    with pytest.raises(ValueError, match=f"^faults: {text!r} ") as error:
        SandboxConfig(faults=("value-null", text))
    assert all(name in str(error.value) for name in FAULTS)


def test_a_fault_given_twice_is_an_error() -> None:
    """One fault asked for twice is an error: whose count should hold?"""
    with pytest.raises(ValueError, match="value-null"):
        read_faults(["value-null", "value-null:2"])


@pytest.mark.parametrize(
    "arguments",
    [("--fault", "value-null", "--fault", "page-short:2"), ("--fault", "value-null", "page-short:2")],
)
def test_the_command_line_takes_one_or_several_faults(arguments: tuple[str, ...]) -> None:
    """The banner names them."""
    command = [sys.executable, "-m", "airflow_provider_evpl.sandbox", "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        banner = list(iter(process.stdout.readline, "Ctrl-C stops it.\n"))
        process.kill()
    assert banner[-2:] == ["Fault: value-null\n", "Fault: page-short:2\n"]


def test_a_wrong_fault_on_the_command_line_is_a_one_line_error(capsys: pytest.CaptureFixture[str]) -> None:
    """On the command line a wrong fault is an error in one line that lists the right ones."""
    with pytest.raises(SystemExit, match="2"):
        main(["--fault", "page-repaeted"])
    line = capsys.readouterr().err.splitlines()[-1]
    assert "page-repaeted" in line
    assert "page-repeated" in line


def test_the_help_lists_each_fault(capsys: pytest.CaptureFixture[str]) -> None:
    """The help lists every fault with its description, a line each."""
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[-len(FAULTS) :] == [f"  {fault.name}: {fault.description}" for fault in FAULTS.values()]


def test_the_page_of_faults_lists_each_fault() -> None:
    """The page about faults lists every one with its description, and no other."""
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| (.*) \|$", DOCS.read_text(), re.MULTILINE)
    assert rows == [(fault.name, fault.description) for fault in FAULTS.values()]


def test_fault_names_are_kebab_case() -> None:
    """Names are kebab-case, descriptions one line of their own."""
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", name) for name in FAULTS)
    descriptions = [fault.description for fault in FAULTS.values()]
    assert len(set(descriptions)) == len(descriptions)
    assert all(text.isprintable() and len(text) <= 100 and not text.endswith(".") for text in descriptions)
