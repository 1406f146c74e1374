"""The Airflow shell: connections in, clients and stores out."""
