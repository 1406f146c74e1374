"""The Airflow shell: wait without a worker; nothing is ever downloaded here."""
