"""Benchmarks: what Candor does beside a bare ceiling measured in the same run."""
