"""Sources beside files: databases by SQLAlchemy URL, InfluxDB, Prometheus. docs/sources.md has them all."""
