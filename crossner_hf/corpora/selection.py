from dataclasses import dataclass
from crossner_hf.schema import Domain


@dataclass(frozen=True)
class DomainSelector:
    domain: Domain
    categories: tuple = ()
    titles: frozenset = frozenset()
    by_type: bool = False
    min_score: float | None = None
    combine: str = "any"

    def reasons(self, document):
        return ("whole source",)
