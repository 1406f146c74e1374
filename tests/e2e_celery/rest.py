"""Airflow's REST API, as its users have it."""

from typing import Any

import requests

_PATIENCE_SECONDS = 120


class Api:
    """Airflow behind a URL, and who asks."""

    def __init__(self, url: str) -> None:
        """Nothing is asked yet."""
        self._url = url
        self._session = requests.Session()

    def login(self, user: str, password: str) -> None:
        """Have a token for all that follows."""
        answer = self._session.post(
            f"{self._url}/auth/token",
            json={"username": user, "password": password},
            timeout=_PATIENCE_SECONDS,
        )
        self._session.headers["Authorization"] = f"Bearer {_body(answer)['access_token']}"

    def get(self, path: str, **query: object) -> Any:  # noqa: ANN401 JSON
        """Ask for what is at a path."""
        texts = {name: str(value) for name, value in query.items()}
        return _body(self._session.get(self._at(path), params=texts, timeout=_PATIENCE_SECONDS))

    def post(self, path: str, **body: object) -> Any:  # noqa: ANN401 JSON
        """Have something made."""
        return _body(self._session.post(self._at(path), json=body, timeout=_PATIENCE_SECONDS))

    def all_of(self, path: str, key: str, **query: object) -> list[dict[str, Any]]:
        """Ask for a whole list, page by page."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.get(path, limit=100, offset=len(found), **query)
            found += page[key]
            if len(found) >= page["total_entries"]:
                return found

    def is_up(self) -> bool:
        """Is each part of Airflow healthy, and heard of lately."""
        try:
            health = self.get("monitor/health")
        except requests.ConnectionError:
            return False
        return all(part["status"] == "healthy" for part in health.values())

    def knows(self, dag_id: str) -> bool:
        """Has the DAG been parsed."""
        return dag_id in {dag["dag_id"] for dag in self.get("dags")["dags"]}

    def _at(self, path: str) -> str:
        return f"{self._url}/api/v2/{path}"


def _body(answer: requests.Response) -> Any:  # noqa: ANN401 JSON
    assert answer.ok, f"{answer.status_code} {answer.url}: {answer.text}"
    return answer.json()
