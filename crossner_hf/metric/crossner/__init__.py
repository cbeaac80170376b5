"""The folder for `evaluate.load`: the module, the scorer and the label lists. It needs no other file."""
