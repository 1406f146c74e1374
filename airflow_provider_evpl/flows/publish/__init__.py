"""Publishes landed days of the lake into an Apache Iceberg table."""
