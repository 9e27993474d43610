"""Thin assets: each reads, calls one function, writes and reports what it did."""
