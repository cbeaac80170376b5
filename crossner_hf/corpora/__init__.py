"""Corpora of raw text: what they hold, and how they compare with each other and with the labelled data."""
