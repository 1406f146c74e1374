"""Orange EVPL utilisation in object storage, by Apache Airflow."""

__version__ = "0.1.0"
__all__ = ["__version__"]
