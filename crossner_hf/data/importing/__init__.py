"""Domains of your own from the files of annotation tools: readers, tag schemes, words of spans, splits."""
