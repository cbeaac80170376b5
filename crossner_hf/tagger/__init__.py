"""The code that travels with a saved model: IOB2, word splitter, tokenization, fast tagging, the pipeline."""
