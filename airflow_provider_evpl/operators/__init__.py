"""The Airflow shell: templates in, one pull, a summary out."""
