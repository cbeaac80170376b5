"""The README of an encoder that was pre-trained on concepts, made from its record alone; also its card on the Hub."""

import json
from shlex import quote

from crossner_hf.pretraining.dapt_card import fence
from crossner_hf.results.text_records import ConceptRecord

README_FILE = "README.md"
TEMPLATE = """---
library_name: transformers
pipeline_tag: feature-extraction
base_model: {base_model}
tags:
- crossner
- named-entity-recognition
- zero-shot
---

# {title}

{encoder} after concept pre-training: it knows what the names in a sentence are, by what the first
sentences of an encyclopedia say of them. Types in words become a tagger with no training, and few labelled sentences go
further.

```python
import crossner_hf

crossner_hf.tag([text], types={{"artist": "singer", "place": "city"}}, model={folder})
```

```sh
crossner-hf predict --model {quoted_folder} --types 'singer, city' FILE
crossner-hf train --domain DOMAIN --model {quoted_folder} --tagger crf --preset small --output runs/DOMAIN
```

`AutoModel.from_pretrained` loads the encoder alone; `concepts.safetensors` beside it makes a tagger of descriptions.

| | |
|---|---|
{facts}

The data are sentences in which known titles were found; no person labelled them. So some names have another sense than
their title, and some were not found. Every argument, version and checksum is in `record.json`; the command was

{fence}sh
{command}
{fence}
"""


def concept_card(record: ConceptRecord) -> str:
    """Return Markdown with the metadata that the Hub reads."""
    name = record.checkpoint.name
    return TEMPLATE.format(
        base_model=json.dumps(record.encoder.name),
        title=f"{record.encoder.name} with concepts",
        encoder=record.encoder.name,
        folder=json.dumps(name, ensure_ascii=False),
        quoted_folder=quote(name),
        facts="\n".join(f"| {name} | {value} |" for name, value in _facts(record)),
        command=record.command,
        fence=fence([record.command]),
    )


def _facts(record: ConceptRecord) -> list[tuple[str, str]]:
    arguments = record.arguments
    facts = [
        ("sentences, mentions, phrases", f"{record.sentences:,}, {record.mentions:,}, {record.phrases:,}"),
        *([("labelled sentences", f"{s.sentences:,} of {s.domain}")] if (s := record.ner_source) else []),
        *([("masked raw text", f"{t.blocks:,} blocks of {t.block_size} tokens")] if (t := record.mlm_text) else []),
        ("tokens seen", f"{record.tokens_seen:,} ({record.steps:,} steps)"),
        ("learning rate", f"{arguments.learning_rate or 0:g}, {arguments.lr_scheduler_type}"),
        ("seed", str(record.seed)),
    ]
    if record.final_loss is not None:
        facts.append(("loss at the end", f"{record.final_loss:.3f}"))
    if record.speed:
        facts.append(("tokens a second", f"{record.speed.tokens_per_second:,.0f}"))
    return facts
