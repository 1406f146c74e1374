"""What Airflow discovers of this provider: its connection type with its form, and its modules."""

from typing import Any

__all__ = ["get_provider_info"]


def get_provider_info() -> dict[str, Any]:
    """Describe the provider, as Airflow's `provider_info.schema.json` wants it.

    The form stores null for each field that is left alone, which means "not given": so optional
    fields may be null and have no default here.
    """
    return {
        "package-name": "airflow-provider-evpl",
        "name": "Orange EVPL",
        "description": "Utilisation of Orange EVPL circuits, landed in object storage.",
        "integrations": [
            {
                "integration-name": "Orange EVPL Monitoring",
                "external-doc-url": "https://developer.orange.com/",
                "tags": ["service"],
            }
        ],
        "operators": [
            {
                "integration-name": "Orange EVPL Monitoring",
                "python-modules": ["airflow_provider_evpl.operators.evpl"],
            }
        ],
        "sensors": [
            {
                "integration-name": "Orange EVPL Monitoring",
                "python-modules": ["airflow_provider_evpl.sensors.evpl"],
            }
        ],
        "triggers": [
            {
                "integration-name": "Orange EVPL Monitoring",
                "python-modules": [
                    "airflow_provider_evpl.triggers.event",
                    "airflow_provider_evpl.triggers.evpl",
                ],
            }
        ],
        "hooks": [
            {
                "integration-name": "Orange EVPL Monitoring",
                "python-modules": ["airflow_provider_evpl.hooks.evpl"],
            }
        ],
        "extra-links": ["airflow_provider_evpl.telemetry.link.LandedLink"],
        "connection-types": [
            {
                "connection-type": "evpl",
                "hook-class-name": "airflow_provider_evpl.hooks.evpl.EvplHook",
                "hook-name": "Orange EVPL",
                "ui-field-behaviour": {
                    "hidden-fields": ["schema"],  # apache/airflow#73298 is why the port isn't among them
                    "relabeling": {
                        "login": "Client id",
                        "password": "Client secret",
                        "host": "Base URL",
                    },
                    "placeholders": {
                        "login": "client_id of your app at Orange Developer",
                        "password": "client_secret of your app at Orange Developer",
                        "host": "Empty: https://api.orange.com",
                        "port": "Empty; 0 where Test Connection answers Bad Request",
                    },
                },
                "conn-fields": {
                    "application_id": {
                        "label": "Application id",
                        "description": "Required. Sent as the header ApplicationID; neither the client id "
                        "nor the one that your Orange Developer account shows.",
                        "schema": {"type": "string", "minLength": 1},
                    },
                    "code_ope": {
                        "label": "Operator code",
                        "description": "Like 0042; used where the operator's argument names none. The "
                        "connection test asks for a report where it is set.",
                        "schema": {"type": ["string", "null"]},
                    },
                    "proxy": {
                        "label": "Proxy",
                        "description": "An http or https URL, credentials allowed; for every host. "
                        "Empty: HTTPS_PROXY and NO_PROXY of the environment count.",
                        "schema": {"type": ["string", "null"], "format": "password"},
                    },
                    "verify": {
                        "label": "TLS verification",
                        "description": "The path of a CA bundle on the workers, or true (empty: this); "
                        "false only for a loopback host.",
                        "schema": {"type": ["string", "null"]},
                    },
                    "token_url": {
                        "label": "Token URL",
                        "description": "Empty: the base URL and /oauth/v3/token. Airflow shows what is "
                        "stored as ***.",
                        "schema": {"type": ["string", "null"], "format": "url"},
                    },
                    "token_auth": {
                        "label": "Credentials by",
                        "description": "basic: HTTP Basic (empty: this); post: the form of the token "
                        "request. Airflow doesn't show what is stored.",
                        "schema": {"type": ["string", "null"], "enum": ["basic", "post"]},
                    },
                    "requests_per_second": {
                        "label": "Requests per second",
                        "description": "Of one task; above 0. Times the tasks that run at once it "
                        "should stay under 25. Empty: 10.",
                        "schema": {"type": ["number", "null"], "minimum": 0, "maximum": 1000},
                    },
                    "page_parallelism": {
                        "label": "Pages in flight at once",
                        "description": "From 1 to 32. Empty: 4.",
                        "schema": {"type": ["integer", "null"], "minimum": 1, "maximum": 32},
                    },
                    "timeout_seconds": {
                        "label": "Time-out in seconds",
                        "description": "Longest silence on the line; above 0. A whole answer may "
                        "take ten times that. Empty: 60.",
                        "schema": {"type": ["number", "null"], "minimum": 0},
                    },
                    "max_retry_seconds": {
                        "label": "Longest wait in seconds",
                        "description": "Of one request, between all its attempts; 0: no second one. "
                        "Empty: 300.",
                        "schema": {"type": ["number", "null"], "minimum": 0},
                    },
                    "pagination": {
                        "label": "Pagination counts",
                        "description": "element: the elements (empty: this); page: the pages.",
                        "schema": {"type": ["string", "null"], "enum": ["element", "page"]},
                    },
                    "naive_timestamps": {
                        "label": "Timestamps without a zone",
                        "description": "reject: are set aside (empty: this); utc: are read as UTC.",
                        "schema": {"type": ["string", "null"], "enum": ["reject", "utc"]},
                    },
                    "ctxtid": {
                        "label": "Context ids",
                        "description": "With commas. Empty: wses, vsn. The word none: no id at all.",
                        "schema": {"type": ["string", "null"]},
                    },
                    "job": {
                        "label": "Job",
                        "description": "Part of the report's address. Empty: JOBV.",
                        "schema": {"type": ["string", "null"]},
                    },
                    "offer_type": {
                        "label": "Offer type",
                        "description": "Which circuits are asked for. Empty: EVPL.",
                        "schema": {"type": ["string", "null"]},
                    },
                },
            }
        ],
    }
