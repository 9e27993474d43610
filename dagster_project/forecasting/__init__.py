"""Forecasting as pure functions on frames: no dagster, duckdb, files, clock or randomness."""
