"""`python -m openapi.export`: write the API's contract as files, from the sandbox's own description.

Run it with the locked versions of FastAPI and pydantic: others may order or word the description differently.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from airflow_provider_evpl.sandbox.app import create_app
from openapi.postman import collection

__all__ = ["FOLDER", "exported"]

FOLDER: Final = Path(__file__).parent
_ORANGE: Final = "https://api.orange.com"
_SERVERS: Final = [
    {"url": _ORANGE, "description": "Orange [O]."},
    {"url": "http://127.0.0.1:8075", "description": "The sandbox of airflow-provider-evpl [A]."},
]


def exported() -> dict[str, str]:
    """Return the text of each file by its name."""
    description = _description()
    files = {"openapi.json": description, "Monitoring_Collection.json": collection(description)}
    return {name: f"{json.dumps(one, indent=2, ensure_ascii=False)}\n" for name, one in files.items()}


def _description() -> Mapping[str, Any]:
    """Return the sandbox's description with servers, and with an absolute address of the token endpoint."""
    of_sandbox = create_app().openapi()
    scheme = of_sandbox["components"]["securitySchemes"]["token"]
    flow = scheme["flows"]["clientCredentials"]
    flow["tokenUrl"] = _ORANGE + flow["tokenUrl"]
    scheme["description"] += " The sandbox has the same path on its own host [A]."
    of_sandbox["info"]["title"] = "EVPL Monitoring API, unofficial description"
    return {"openapi": of_sandbox["openapi"], "info": of_sandbox["info"], "servers": _SERVERS, **of_sandbox}


if __name__ == "__main__":
    for name, text in exported().items():
        (FOLDER / name).write_text(text)
