"""Response bytes become pages. Pure: no HTTP, no storage, no Airflow."""
