"""Results of runs: records, predictions, systems, statistics, significance, tables."""
