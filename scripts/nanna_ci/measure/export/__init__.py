"""The history in the formats of others: OpenMetrics for Prometheus, OTLP for a collector of traces."""
