"""The storage side: no HTTP, no Airflow."""
