"""Training and scoring of taggers: arguments, length-aware batches, the loss, fine-tuning with its record."""
