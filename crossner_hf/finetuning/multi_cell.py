"""The cells of a multi-cell LSTM: one for each type of the domains that a run has to do with."""

from collections.abc import Mapping
from typing import Any

from crossner_hf.finetuning.settings import TaggerChoice
from crossner_hf.schema import Domain, canonical


def cells_of_domains(labels: Domain, domains: Mapping[str, Domain], choice: TaggerChoice) -> dict[str, Any]:
    """Return the values of `MultiCellLSTMConfig` that depend on domains, for a tagger with the labels of one of them.

    All taggers of a run have the same cells, so that a source stage can hand them on. Types that two domains spell in
    different ways share a cell.
    """
    numbers: dict[str, int] = {}
    cell_of: dict[str, int] = {}
    for domain in (*domains.values(), labels):
        for entity_type in domain.entity_types:
            cell_of[entity_type] = numbers.setdefault(canonical(entity_type), len(numbers) + 1)
    return {"cell_of": cell_of, "source_labels": list(domains["source"].labels) if choice.adaptation else None}
