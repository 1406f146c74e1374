"""What Airflow discovers about this provider: its modules, its connection type and the connection form."""

from typing import Any

__all__ = ["get_provider_info"]


def get_provider_info() -> dict[str, Any]:
    """Describe the provider in the form of Airflow's `provider_info.schema.json`.

    Airflow's form stores null for each field that is left empty, which means "not given". So an optional
    field may be null, and has no default here.
    """
    return {
        "package-name": "airflow-provider-evpl",
        "name": "Orange EVPL",
        "description": "Lands the utilization of Orange EVPL circuits in object storage.",
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
                    # The port is not hidden because of apache/airflow#73298.
                    "hidden-fields": ["schema"],
                    "relabeling": {
                        "login": "Client id",
                        "password": "Client secret",
                        "host": "Base URL",
                    },
                    "placeholders": {
                        "login": "client_id of your app at Orange Developer",
                        "password": "client_secret of your app at Orange Developer",
                        "host": "Default: https://api.orange.com",
                        "port": "Leave empty. Set 0 if the test answers Bad Request.",
                    },
                },
                "conn-fields": {
                    "application_id": {
                        "label": "Application id",
                        "description": "Required. The value of the header ApplicationID, from your Orange "
                        "representative. It is neither the client id nor the id in Orange Developer.",
                        "schema": {"type": "string", "minLength": 1},
                    },
                    "code_ope": {
                        "label": "Operator code",
                        "description": "For example 0042. Used by tasks that set no code_ope. If this "
                        "field is set, the connection test also requests a report.",
                        "schema": {"type": ["string", "null"]},
                    },
                    "proxy": {
                        "label": "Proxy",
                        "description": "An http or https URL; may contain user and password. Used for all "
                        "hosts. Default: HTTPS_PROXY and NO_PROXY of the worker's environment.",
                        "schema": {"type": ["string", "null"], "format": "password"},
                    },
                    "verify": {
                        "label": "TLS verification",
                        "description": "true, or the path of a CA bundle on the workers; false only for a "
                        "loopback host. Default: true.",
                        "schema": {"type": ["string", "null"]},
                    },
                    "token_url": {
                        "label": "Token URL",
                        "description": "Default: the base URL, followed by /oauth/v3/token. Airflow shows a "
                        "saved value as ***.",
                        "schema": {"type": ["string", "null"], "format": "url"},
                    },
                    "token_auth": {
                        "label": "Token authentication",
                        "description": "How the token request sends the credentials. basic: as HTTP Basic; "
                        "post: in the form. Default: basic. Airflow does not show a saved value.",
                        "schema": {"type": ["string", "null"], "enum": ["basic", "post"]},
                    },
                    "requests_per_second": {
                        "label": "Requests per second",
                        "description": "Rate limit of one task; above 0. The sum over all tasks that run at "
                        "the same time should stay below 25. Default: 10.",
                        "schema": {"type": ["number", "null"], "minimum": 0, "maximum": 1000},
                    },
                    "page_parallelism": {
                        "label": "Parallel pages",
                        "description": "How many pages one task requests at the same time; 1 to 32. "
                        "Default: 4.",
                        "schema": {"type": ["integer", "null"], "minimum": 1, "maximum": 32},
                    },
                    "timeout_seconds": {
                        "label": "Timeout in seconds",
                        "description": "Longest pause while a response arrives; above 0. A whole response "
                        "may take ten times as long. Default: 60.",
                        "schema": {"type": ["number", "null"], "minimum": 0},
                    },
                    "max_retry_seconds": {
                        "label": "Retry time in seconds",
                        "description": "Longest total wait between the attempts of one request. 0: no retry. "
                        "Default: 300.",
                        "schema": {"type": ["number", "null"], "minimum": 0},
                    },
                    "pagination": {
                        "label": "Pagination",
                        "description": "What the header pagination counts: elements (element) or pages "
                        "(page). Default: element.",
                        "schema": {"type": ["string", "null"], "enum": ["element", "page"]},
                    },
                    "naive_timestamps": {
                        "label": "Timestamps without a zone",
                        "description": "reject: reject such samples; utc: read them as UTC. Default: reject.",
                        "schema": {"type": ["string", "null"], "enum": ["reject", "utc"]},
                    },
                    "ctxtid": {
                        "label": "Context ids",
                        "description": "Separated by commas. Write none to send no id. Default: wses, vsn.",
                        "schema": {"type": ["string", "null"]},
                    },
                    "job": {
                        "label": "Job",
                        "description": "Part of the report's URL. Default: JOBV.",
                        "schema": {"type": ["string", "null"]},
                    },
                    "offer_type": {
                        "label": "Offer type",
                        "description": "The type of circuits to request. Default: EVPL.",
                        "schema": {"type": ["string", "null"]},
                    },
                },
            }
        ],
    }
