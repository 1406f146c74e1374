"""The hook and the storage: make clients and stores from connections of Airflow."""
