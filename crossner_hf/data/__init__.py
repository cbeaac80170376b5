"""Data: official files, their reader, the `datasets` builder and its registration, the hand-written sample."""
