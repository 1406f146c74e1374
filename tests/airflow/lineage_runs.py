"""DAG runs in a process of their own, in which OpenLineage is switched on before Airflow is imported.

Takes JSON: of each run its DAG, its logical date and its configuration.
"""

import json
import os
import sys
from datetime import datetime
from pathlib import Path

from airflow.dag_processing.dagbag import DagBag

if __name__ == "__main__":
    dags = DagBag(Path(os.environ["AIRFLOW_HOME"], "dags")).dags
    for dag_id, logical_date, conf in json.loads(sys.argv[1]):
        for task in dags[dag_id].tasks:
            task.retries = 0
        dags[dag_id].test(logical_date=datetime.fromisoformat(logical_date), run_conf=conf)
