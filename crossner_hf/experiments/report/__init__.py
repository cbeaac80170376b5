"""From the records of runs to tables, curves and one HTML page."""
