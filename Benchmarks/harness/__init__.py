"""What Benchmarks/bench.py is made of: running and metering, data, tools, sections, goals, the page."""
