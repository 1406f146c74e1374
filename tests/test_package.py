"""What is published: the sdist, the wheel built from it, and an Airflow with that wheel alone."""

import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from configparser import ConfigParser
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from airflow_provider_evpl import __version__
from tests.support.airflow_versions import AIRFLOW_3

ROOT = Path(__file__).parents[1]
PACKAGE = "airflow_provider_evpl"
DIST_INFO = f"{PACKAGE}-{__version__}.dist-info"
UPLOT = "flows/report/assets/uplot"
UV = Path(sys.executable).with_name("uv")


def run(
    *command: str | Path, cwd: Path, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command; its output is text."""
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)


def build(kind: str, *, source: Path, target: Path) -> Path:
    """Build a distribution without an isolated environment, so without network."""
    built = run(sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", target, cwd=source)
    assert built.returncode == 0, built.stderr
    (path,) = target.iterdir()
    return path


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution, unpacked."""
    packed = build("sdist", source=ROOT, target=tmp_path_factory.mktemp("sdist"))
    unpacked = run(sys.executable, "-m", "tarfile", "-e", packed, packed.parent, cwd=ROOT)
    assert unpacked.returncode == 0, unpacked.stderr
    return packed.parent / f"{PACKAGE}-{__version__}"


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source distribution as an index's users would."""
    return build("wheel", source=sdist, target=tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    """The wheel's core metadata."""
    with zipfile.ZipFile(wheel) as archive:
        return message_from_bytes(archive.read(f"{DIST_INFO}/METADATA"))


def files_in(wheel: Path) -> set[str]:
    """Name every file in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.mark.contract("names.distribution")
def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    """Every module, the typing marker and the report's assets are in; tests, DAGs and the demo are not."""
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / PACKAGE).rglob("*.py")}
    assets = (ROOT / PACKAGE / "flows/report/assets").rglob("*.*")
    modules |= {str(path.relative_to(ROOT)) for path in assets} | {f"{PACKAGE}/{UPLOT}/LICENSE"}
    outside = {name for name in files_in(wheel) if not name.startswith(f"{DIST_INFO}/")}
    assert outside == modules | {f"{PACKAGE}/py.typed"}


def test_the_sdist_holds_what_a_rebuild_and_a_test_run_need(sdist: Path) -> None:
    """Who packages it elsewhere finds the tests, the examples and the lock file."""
    for name in ("LICENSE", "Makefile", "README.md", "dags", "dev.mk", "docs", "tests", "uv.lock"):
        assert (sdist / name).exists(), name


@pytest.mark.contract("names.distribution")
def test_the_wheel_carries_its_license(wheel: Path, metadata: Message) -> None:
    """The license is named in the metadata and its text is in the wheel."""
    assert metadata["License-Expression"] == "Apache-2.0"
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read(f"{DIST_INFO}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()


@pytest.mark.contract("names.distribution", "names.sandbox")
def test_the_metadata_says_what_the_contract_says(metadata: Message) -> None:
    """Name, version, Python and extras are the published ones."""
    assert metadata["Name"] == "airflow-provider-evpl"
    assert metadata["Version"] == __version__
    assert metadata["Requires-Python"] == ">=3.11"
    extras = set(metadata.get_all("Provides-Extra", []))
    assert extras == {"sandbox", "amazon", "google", "microsoft-azure", "openlineage", "report", "iceberg"}


def test_one_dependency_has_an_upper_bound(metadata: Message) -> None:
    """A bound would keep the provider out of environments in which it works; pip needs this one."""
    requirements = [Requirement(line) for line in metadata.get_all("Requires-Dist", [])]
    bounded = {str(one) for one in requirements if {bound.operator for bound in one.specifier} != {">="}}
    assert bounded == {'openai<3,>=2; extra == "google"'}


@pytest.mark.contract("names.distribution")
def test_airflow_finds_the_provider_by_its_entry_point(wheel: Path) -> None:
    """The entry point is in Airflow's group and names the one function."""
    parser = ConfigParser()
    with zipfile.ZipFile(wheel) as archive:
        parser.read_string(archive.read(f"{DIST_INFO}/entry_points.txt").decode())
    assert dict(parser["apache_airflow_provider"]) == {
        "provider_info": f"{PACKAGE}.get_provider_info:get_provider_info"
    }


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Iterator[Path]:
    """A new environment: the wheel and the dependencies it asks for, no extras, nothing else.

    They come from uv's cache, which `make setup` filled. Where `EVPL_WHEEL_INDEX` is set what the
    cache lacks comes from the package index; without it such a cache skips the tests.
    """
    if not AIRFLOW_3:
        pytest.skip("uv.lock is of Airflow 3; with 2.11 `make test-matrix` itself installs the wheel")
    offline = () if "EVPL_WHEEL_INDEX" in os.environ else ("--offline",)
    with tempfile.TemporaryDirectory() as folder:
        environment = Path(folder, "venv")
        env = os.environ | {"UV_PROJECT_ENVIRONMENT": str(environment)}
        sync = (UV, "sync", "--quiet", "--frozen", "--no-dev", "--no-install-project", *offline)
        synced = run(*sync, "--python", sys.executable, cwd=ROOT, env=env)
        if offline and "connectivity is disabled" in synced.stderr:
            pytest.skip("uv's cache lacks a dependency; `make check` gets it from the index")
        assert synced.returncode == 0, synced.stderr
        into = ("--quiet", "--python", environment)
        added = run(UV, "pip", "install", "--offline", "--no-deps", *into, wheel, cwd=ROOT)
        assert added.returncode == 0, added.stderr
        yield environment


def run_installed(environment: Path, *command: str, home: Path) -> str:
    """Run a command of an environment far from the checkout, with a home of its own."""
    env = {"PATH": os.defpath, "HOME": str(home), "AIRFLOW_HOME": str(home / "airflow")}
    program, *arguments = command
    done = run(environment / "bin" / program, *arguments, cwd=home, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_imports_with_its_own_dependencies(installed: Path, tmp_path: Path) -> None:
    """With the dependencies of the wheel alone, the public modules import."""
    checked = run(UV, "pip", "check", "--python", installed, cwd=tmp_path)
    assert checked.returncode == 0, checked.stderr
    run_installed(
        installed,
        "python",
        "-c",
        f"import {PACKAGE}.hooks.evpl, {PACKAGE}.operators.evpl, {PACKAGE}.sensors.evpl, {PACKAGE}.errors",
        home=tmp_path,
    )


OPEN_EACH = f"""
import sys
from {PACKAGE}.errors import EvplConfigError
from {PACKAGE}.hooks.storage import open_object_storage
for url in sys.argv[1:]:
    try:
        open_object_storage(url, None)
    except EvplConfigError as error:
        print(error)
"""


def test_a_store_without_its_extra_says_what_to_install(installed: Path, tmp_path: Path) -> None:
    """Where a store's provider isn't installed, the error names the extra; a local folder needs none."""
    urls = ("s3://lake/evpl", "gs://lake/evpl", "abfs://lake/evpl", (tmp_path / "lake").as_uri())
    said = run_installed(installed, "python", "-c", OPEN_EACH, *urls, home=tmp_path).splitlines()
    hints = [line for line in said if line.startswith("pip install")]
    assert hints == [f"pip install '.[{one}]'" for one in ("amazon", "google", "microsoft-azure")]


def test_airflow_lists_the_installed_provider(installed: Path, tmp_path: Path) -> None:
    """`airflow providers get` shows the provider, with the wheel's version."""
    shown = run_installed(
        installed,
        "airflow",
        "providers",
        "get",
        "airflow-provider-evpl",
        "-o",
        "json",
        home=tmp_path,
    )
    (provider,) = json.loads(shown)
    assert provider["Provider"] == "airflow-provider-evpl"
    assert provider["Version"] == __version__
