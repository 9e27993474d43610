"""Accuracy and speed beside what users would pick instead; never run by the tests or a pipeline."""
