"""Reads what the data products promise (ODPS and ODCS files), and holds everything against it."""
