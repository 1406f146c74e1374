"""Lands the utilization of Orange EVPL circuits in object storage, with Apache Airflow."""

__version__ = "0.1.0"
__all__ = ["__version__"]
