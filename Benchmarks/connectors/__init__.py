"""Speeds of the connectors, each beside what zlib, SQLite or loopback do alone in the same run."""
