"""The README of a pre-trained checkpoint, made from its record alone; also its card on the Hub."""

import json
import re
from collections.abc import Iterable
from shlex import quote

from crossner_hf.results.text_records import DaptRecord

MASKING_NAMES = {
    "span": "spans, by the rule of CrossNER's released code",
    "token": "single tokens",
    "whole_word": "whole words",
    "geometric": "spans of words of geometric length (SpanBERT)",
    "entity": "whole entities and words (ERNIE)",
}

TEMPLATE = """---
library_name: transformers
pipeline_tag: fill-mask
base_model: {base_model}
tags:
- crossner
- domain-adaptive-pretraining
---

# {title}

{encoder}, pre-trained further on {corpus} as a masked language model, for named entity recognition in that domain
(domain-adaptive pre-training as in CrossNER, Liu et al., AAAI 2021).

```python
from transformers import AutoModel, AutoModelForMaskedLM

encoder = AutoModel.from_pretrained({folder})
masked_lm = AutoModelForMaskedLM.from_pretrained({folder})
```

```sh
crossner-hf train --domain {domain} --model {quoted_folder} --output {output}
```

| | |
|---|---|
{facts}

## Held-out loss

The loss of a masked token and its exponential (perplexity), under token-level and span-level masks. Every run with this
block size has the same masks.

| step | token-level loss | perplexity | span-level loss | perplexity |
|---|---|---|---|---|
{losses}

Every argument, version and checksum is in `record.json`; the command was

{fence}sh
{command}
{fence}
{appendix}"""


def fence(lines: Iterable[str]) -> str:
    """Return a code fence that is longer than every row of backticks in the lines."""
    runs = [len(run) for line in lines for run in re.findall("`+", line)]
    return "`" * (max([2, *runs]) + 1)


def dapt_card(record: DaptRecord, appendix: str = "") -> str:
    """Return Markdown with the metadata that the Hub reads; `appendix` are further sections."""
    rows = [
        "| {step:,} | {token_loss:.4f} | {token_perplexity:.2f} | {span_loss:.4f} | {span_perplexity:.2f} |".format(
            **row.model_dump()
        )
        for row in record.losses
    ]
    domain = record.domain or "DOMAIN"
    named = record.domain or "a domain's text"
    return TEMPLATE.format(
        base_model=json.dumps(record.encoder.name),
        title=f"{record.encoder.name}, {named}, {record.masking} masking",
        encoder=record.encoder.name,
        corpus=f"text about {record.domain}" if record.domain else "raw text",
        folder=json.dumps(record.checkpoint.name, ensure_ascii=False),
        quoted_folder=quote(record.checkpoint.name),
        domain=quote(domain),
        output=quote(f"runs/{domain}"),
        facts="\n".join(f"| {name} | {value} |" for name, value in _facts(record)),
        losses="\n".join(rows) or "| no held-out text | | | | |",
        command=record.command,
        fence=fence([record.command]),
        appendix=appendix and f"\n{appendix}\n",
    )


def _facts(record: DaptRecord) -> list[tuple[str, str]]:
    corpus, arguments = record.corpus, record.arguments
    masking = MASKING_NAMES.get(record.masking, record.masking)
    passes = "streamed" if record.epochs is None else f"{record.epochs:g} times the corpus"
    facts = [
        ("corpus", _first_names(list(record.corpus_sha256))),
        ("level", record.level or "not stated"),
        ("documents, tokens", f"{_number(corpus.documents_used)}, {_number(corpus.tokens)}"),
        ("masking", f"{masking}; {100 * (arguments.mlm_probability or 0):g} % of the tokens"),
        ("tokens seen", f"{record.tokens_seen:,} ({passes}, {record.steps:,} steps)"),
        ("block", f"{arguments.block_size} tokens"),
        ("learning rate", f"{arguments.learning_rate or 0:g}, {arguments.lr_scheduler_type}"),
        ("masked-LM head", record.encoder.head),
        ("seed", str(record.seed)),
    ]
    if record.speed:
        facts.append(("tokens a second", f"{record.speed.tokens_per_second:,.0f}"))
    return facts


def _first_names(names: list[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _number(value: int | None) -> str:
    return "not counted" if value is None else f"{value:,}"
