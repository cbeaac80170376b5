"""Corpora of raw text: reading them, and comparing them with each other and with labelled data."""
