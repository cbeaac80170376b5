"""Fine-tuning of taggers: settings of the paper, data, the Trainer, scores."""
