"""The folder that `evaluate.load` takes: the module, the scorer and the label lists. It needs no other file."""
