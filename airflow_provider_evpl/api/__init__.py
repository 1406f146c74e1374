"""The HTTP side: no Arrow, no storage, no Airflow."""
