"""A DAPT step of MiniLM against the stock Trainer's, and that both compute the same."""

import tempfile
from functools import partial

import torch
from datasets import Dataset
from transformers import (
    AutoModelForMaskedLM,
    DataCollatorForLanguageModeling,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from crossner_hf.masking import DataCollatorForTokenMasking
from crossner_hf.packaged_encoder import encoder_path
from crossner_hf.pretraining.arguments import DAPT_PRESETS, DaptArguments
from crossner_hf.pretraining.masked_lm import MaskedHead, load_masked_lm, masked_targets
from crossner_hf.pretraining.trainer import DaptTrainer
from crossner_hf.training.flops import masked_lm_flop, matmul_peak
from crossner_hf.training.step_clock import StepClock
from crossner_hf.training.token_loss import token_loss

BATCH, BLOCK, MASKED = 32, 128, 0.2
STEPS, ROUNDS = 3, 3


class FastestStep(TrainerCallback):
    """Seconds of the fastest step of all rounds."""

    def __init__(self):
        self.clock, self.seconds = StepClock(), []

    def on_step_begin(self, args, state, control, **kwargs):
        self.clock.on_step_begin(args, state, control)

    def on_step_end(self, args, state, control, **kwargs):
        before = self.clock.seconds
        self.clock.on_step_end(args, state, control)
        self.seconds.append(self.clock.seconds - before)

    @property
    def fastest(self) -> float:
        return min(self.seconds)


def random_blocks(tokenizer, number: int) -> Dataset:
    generator = torch.Generator().manual_seed(0)
    inner = torch.randint(1_000, len(tokenizer), (number, BLOCK - 2), generator=generator).tolist()
    return Dataset.from_dict({"input_ids": [[tokenizer.cls_token_id, *ids, tokenizer.sep_token_id] for ids in inner]})


def stock_trainer(model, tokenizer, blocks, timer, folder) -> Trainer:
    recipe = {name: value for name, value in DAPT_PRESETS["small"].items() if name != "block_size"}
    args = TrainingArguments(folder, **recipe, max_steps=STEPS, save_strategy="no", disable_tqdm=True)
    collator = DataCollatorForLanguageModeling(tokenizer, mlm_probability=MASKED)
    return Trainer(model=model, args=args, train_dataset=blocks, data_collator=collator, callbacks=[timer])


def our_trainer(model, tokenizer, blocks, timer, folder, bf16=False) -> DaptTrainer:
    recipe = {**DAPT_PRESETS["small"], "max_steps": STEPS, "save_strategy": "no", "held_out": 0, "eval_strategy": "no"}
    args = DaptArguments(
        output_dir=folder, **recipe, masking="token", eval_on_start=False, disable_tqdm=True, bf16=bf16, use_cpu=bf16
    )
    return DaptTrainer(model, args, tokenizer, blocks, None, [timer])


def greatest_difference(name_or_path: str, tokenizer, blocks) -> float:
    """The greatest difference of loss and of any gradient between the stock model and ours, on the same masks."""
    still = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    model = AutoModelForMaskedLM.from_pretrained(name_or_path, **still).train()
    batch = DataCollatorForTokenMasking(tokenizer, mlm_probability=MASKED)(list(blocks.select(range(8))))
    stock = model(**batch).loss
    stock.backward()
    expected = {name: p.grad.clone() for name, p in model.named_parameters()}
    model.zero_grad()
    labels = batch["labels"]
    with MaskedHead(model).only_at(labels != -100):
        logits = model(input_ids=batch["input_ids"]).logits
    ours = token_loss((logits,), masked_targets(logits, labels))
    ours.backward()
    gradients = [(p.grad - expected[name]).abs().max().item() for name, p in model.named_parameters()]
    return max(abs(ours.item() - stock.item()), *gradients)


def bench_dapt(data_dir: str | None = None) -> list[tuple[str, str, str]]:
    """Both train the same weights on the same blocks; rounds alternate, and the fastest step of each counts."""
    model, tokenizer, _ = load_masked_lm(encoder_path("minilm"), BLOCK)
    blocks = random_blocks(tokenizer, BATCH * STEPS)
    makers = {"stock": stock_trainer, "ours": our_trainer, "bf16": partial(our_trainer, bf16=True)}
    timers = {name: FastestStep() for name in makers}
    before = matmul_peak()
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        difference = greatest_difference(folder, tokenizer, blocks)
        load = partial(AutoModelForMaskedLM.from_pretrained, folder)
        for _ in range(ROUNDS):
            for name, make in makers.items():
                trainer = make(load(), tokenizer, blocks, timers[name], folder)
                trainer.remove_callback(PrinterCallback)
                trainer.train()
    peak = max(before, matmul_peak())
    stock, ours, half = (timers[name].fastest for name in makers)
    flop, everywhere = masked_lm_flop(model, BLOCK, MASKED), masked_lm_flop(model, BLOCK, 1.0)
    tokens = BATCH * BLOCK
    return [
        (
            f"DAPT step of MiniLM, {BATCH} x {BLOCK}: {tokens / ours:,.0f} tokens/s, stock {tokens / stock:,.0f}",
            f"{stock / ours:.2f} x",
            "at least 1.4",
        ),
        (f"  in bfloat16 (for processors with AMX): {tokens / half:,.0f}", f"{stock / half:.2f} x", ""),
        ("  by floating-point operations at most", f"{everywhere / flop:.2f} x", ""),
        (
            f"  share of the matrix-multiply peak ({flop / 1e6:.0f} MFLOP per token, {peak / 1e9:.0f} GFLOP/s)",
            f"{100 * tokens * flop / ours / peak:.0f} %",
            "",
        ),
        ("  greatest difference of loss or gradient on the same masks", f"{difference:.1e}", "at most 1e-5"),
    ]
