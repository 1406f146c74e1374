"""The Airflow shell: wait until a window is published."""
