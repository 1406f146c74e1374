"""DAG runs in a process of their own, in which OpenLineage is switched on before Airflow is imported.

Takes JSON: of each run its DAG, its logical date and its configuration.
"""

import json
import os
import sys
from datetime import datetime
from pathlib import Path

from tests.support.airflow_versions import load_dags, try_dag

if __name__ == "__main__":
    dags = load_dags(Path(os.environ["AIRFLOW_HOME"], "dags")).dags
    for dag_id, logical_date, conf in json.loads(sys.argv[1]):
        for task in dags[dag_id].tasks:
            task.retries = 0
        try_dag(dags[dag_id], conf, logical_date=datetime.fromisoformat(logical_date))
