"""Grids of runs, and reports made from their records."""
