"""What a user can do with the API and the lake, without Airflow."""
