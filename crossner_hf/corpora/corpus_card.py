"""The README of a domain's corpus, in whose head `load_dataset` reads where the levels are."""

from pathlib import Path

import yaml

from crossner_hf import __version__
from crossner_hf.atomic_write import write_text
from crossner_hf.corpora.levels import LEVELS
from crossner_hf.results.markdown import markdown_table, plain
from crossner_hf.results.text_records import CorpusDomain, CorpusRecord

DEFAULT_LEVEL = "integrated"  # which the paper found best for pre-training (section 5.2)
DESCRIPTIONS = {
    "domain": "all sentences",
    "entity": "sentences with many names",
    "task": "sentences with names of types special to the domain",
    "integrated": "the task level twice and the entity level once",
}


def write_cards(output: Path, record: CorpusRecord) -> None:
    """Write `<domain>/README.md` for each domain."""
    for name, domain in record.domains.items():
        write_text(output / name / "README.md", corpus_card(name, domain, record))


def corpus_card(name: str, domain: CorpusDomain, record: CorpusRecord) -> str:
    is_text = record.parameters["format"] == "text"
    configs = [
        {
            "config_name": level,
            "data_files": f"{level}/{level}-*",
            **({"sample_by": "paragraph"} if is_text else {}),
            **({"default": True} if level == DEFAULT_LEVEL else {}),
        }
        for level in LEVELS
    ]
    head = yaml.safe_dump({"configs": configs, "task_categories": ["fill-mask"]}, sort_keys=False)
    rows = [
        [
            level,
            DESCRIPTIONS[level],
            f"{size.documents:,}",
            f"{size.sentences:,}",
            f"{size.words:,}",
            f"{size.ratio:.1%}",
        ]
        for level, size in domain.levels.items()
    ]
    table = markdown_table(
        ["level", "content", "documents", "sentences", "words", "bytes to domain level"], rows, names=2
    )
    columns = (
        "A file has one sentence on each line and an empty line between documents."
        if is_text
        else "Each row is a sentence: `title` of its document, `text`, and `entities` (`start`, `end`, `type`): names\n"
        "of a gazetteer that were found in it, not labels made by people."
    )
    sources = ", ".join(map(plain, record.sources))
    return f"""---
{head}---

# Raw text: {plain(name)}

Made by crossner-hf {__version__} (`crossner-hf corpus build`), after the corpora of CrossNER
([Liu et al., AAAI 2021](https://arxiv.org/abs/2012.04373)). Sources: {sources}. Their licences
hold for this text.

{table}

{columns}

```python
from datasets import load_dataset

sentences = load_dataset("THIS_FOLDER", "{DEFAULT_LEVEL}", split="train")
```
"""
