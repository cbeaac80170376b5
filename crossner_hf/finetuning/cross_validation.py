"""Cross-validation: every sentence of a domain is tagged by a tagger that saw no sentence with its text."""

import json
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from crossner_hf.atomic_write import write_text
from crossner_hf.data.conll import conll_lines
from crossner_hf.data.deduplicate import sentence_text
from crossner_hf.data.label_doubts import Answer
from crossner_hf.data.sources import FILE_NAMES
from crossner_hf.finetuning.arguments import FineTuningArguments
from crossner_hf.finetuning.fine_tune import fine_tune
from crossner_hf.schema import DOMAIN_FILE, Domain
from crossner_hf.tagger.tagger import Tagger

DEV_EVERY = 10  # of the texts of the other folds, one in ten chooses the epoch


def cross_validate(
    domain: Domain,
    splits: Mapping[str, Any],
    model: str,
    arguments: Callable[[str], FineTuningArguments],
    folder: str | Path,
    folds: int = 5,
) -> dict[str, list[Answer]]:
    """Tag all sentences of a domain in folds, each row of each split; rows with the same text are in one fold.

    `arguments` gives the arguments of a run for its output folder. Each fold's data and run are kept in `folder`; the
    same call resumes there. Raises ValueError for fewer than two folds, or fewer texts than folds need.
    """
    rows = {split: list(zip(s["tokens"], s["ner_tags"], strict=True)) for split, s in splits.items()}
    texts = sorted({sentence_text(tokens) for of_split in rows.values() for tokens, _ in of_split})
    if not 2 <= folds <= len(texts) // 3:
        raise ValueError(f"folds must be 2 to {len(texts) // 3} (a third of the texts), got {folds}")
    random.Random(0).shuffle(texts)
    fold_of = {text: number % folds for number, text in enumerate(texts)}
    answers: dict[str, dict[int, Answer]] = {split: {} for split in splits}
    for fold in range(folds):
        rest = [text for text in texts if fold_of[text] != fold]
        parts = {text: "validation" if number % DEV_EVERY == 0 else "train" for number, text in enumerate(rest)}
        lines: dict[str, list[str]] = {split: [] for split in FILE_NAMES}
        for of_split in rows.values():
            for tokens, ids in of_split:
                part = parts.get(sentence_text(tokens), "test")
                lines[part].append(conll_lines(tokens, [domain.labels[i] for i in ids]))
        data, run = Path(folder) / f"fold-{fold + 1}" / "data", Path(folder) / f"fold-{fold + 1}" / "run"
        name = f"{domain.name}-fold-{fold + 1}"
        write_text(data / DOMAIN_FILE, json.dumps({"name": name, "entity_types": domain.entity_types}))
        for split, file_name in FILE_NAMES.items():
            write_text(data / file_name, "".join(lines[split]))
        fine_tune(str(data), model, arguments(str(run)), resume=True)
        held_out = [
            (split, number)
            for split, of_split in rows.items()
            for number, (tokens, _) in enumerate(of_split)
            if fold_of[sentence_text(tokens)] == fold
        ]
        tagged = Tagger.from_pretrained(str(run)).tag_words(rows[split][number][0] for split, number in held_out)
        for (split, number), (labels, scores) in zip(held_out, tagged, strict=True):
            answers[split][number] = Answer(labels, scores)
    return {split: [of_rows[number] for number in range(len(of_rows))] for split, of_rows in answers.items()}
