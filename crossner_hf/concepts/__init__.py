"""Concepts: pre-training on what Wikipedia says each title is, so that a tagger's head is made of descriptions."""
