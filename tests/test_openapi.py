"""The API's contract as files: `openapi/`."""

import json
import re
from collections.abc import Iterator
from typing import Any

import openapi_spec_validator
import pytest

from airflow_provider_evpl.sandbox.config import SandboxConfig
from openapi.export import FOLDER, exported

FILES = exported()
DESCRIPTION: dict[str, Any] = json.loads(FILES["openapi.json"])
COLLECTION: dict[str, Any] = json.loads(FILES["Monitoring_Collection.json"])
SOURCE = re.compile(r"\[[O2SA]\]")


@pytest.mark.parametrize("name", FILES)
def test_files_are_as_exported(name: str) -> None:
    """`make openapi` writes the same bytes as are checked in."""
    assert (FOLDER / name).read_bytes() == FILES[name].encode()


def test_description_is_valid() -> None:
    """The description keeps to the OpenAPI 3.1 standard, by openapi-spec-validator."""
    openapi_spec_validator.validate(DESCRIPTION, cls=openapi_spec_validator.OpenAPIV31SpecValidator)


def _facts(node: object) -> Iterator[str]:
    """Give the descriptions, but for those in examples of responses."""
    if isinstance(node, list):
        for one in node:
            yield from _facts(one)
    elif isinstance(node, dict):
        for name, one in node.items():
            if name == "description" and isinstance(one, str):
                yield one
            elif name != "examples":
                yield from _facts(one)


def test_each_fact_names_its_source() -> None:
    """Each description of a parameter, header, response or field has a mark of its source."""
    facts = [
        *_facts(DESCRIPTION["paths"]),
        *_facts(DESCRIPTION["components"]),
        *_facts(DESCRIPTION["servers"]),
    ]
    assert len(facts) > 50
    assert [fact for fact in facts if not SOURCE.search(fact)] == []


def test_collection_has_a_variable_for_each_parameter() -> None:
    """Each variable is described, and what only the user knows is empty."""
    variables = {one["key"]: one["value"] for one in COLLECTION["variable"]}
    used = set(re.findall(r"\{\{(\w+)\}\}", FILES["Monitoring_Collection.json"]))
    assert used == variables.keys()
    assert all(one["description"] for one in COLLECTION["variable"])
    yours = ("client_id", "client_secret", "ApplicationID", "codeOpe", "access_token")
    assert {variables[name] for name in yours} == {""}


def test_collection_has_no_secret() -> None:
    """Not even the sandbox's public credentials are in the files."""
    secret = SandboxConfig().client_secret
    assert not [name for name, text in FILES.items() if secret in text]
