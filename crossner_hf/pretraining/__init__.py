"""Domain-adaptive pre-training (DAPT): a corpus in blocks, masked-language modelling, its record."""
