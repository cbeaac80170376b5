"""What fine-tuning and pre-training share: run arguments, the run folder, resuming, progress, FLOP counts."""
