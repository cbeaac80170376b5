"""The `datasets` builder behind `load_dataset("crossner", …)`, and `load`, which does the same by public API alone."""

import hashlib
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import datasets
from datasets.exceptions import DatasetGenerationError

import crossner_hf.schema
import crossner_hf.tagger.iob2
from crossner_hf.data import conll, deduplicate, download, sentences, sources
from crossner_hf.schema import BUILT_IN, DEDUPLICATED, DOMAIN_FILE, Domain, get_domain

NAME = "crossner"
VERSION = datasets.Version("1.0.0")
CITATION = """@inproceedings{liu2021crossner,
  title={CrossNER: Evaluating Cross-Domain Named Entity Recognition},
  author={Liu, Zihan and Xu, Yan and Yu, Tiezheng and Dai, Wenliang and Ji, Ziwei and Cahyawijaya, Samuel and \
Madotto, Andrea and Fung, Pascale},
  booktitle={Proceedings of the AAAI Conference on Artificial Intelligence},
  volume={35}, number={15}, pages={13452--13460}, year={2021}
}"""


@dataclass
class CrossNERConfig(datasets.BuilderConfig):
    """A domain of CrossNER, its source, a sample, or the user's own domain that `data_dir` describes.

    Attributes:
        verify: Whether official files must have their published checksums; False reads changed files as they are.
    """

    version: datasets.Version = VERSION
    verify: bool = True

    @property
    def domain(self) -> Domain:
        """The domain of this configuration."""
        if self.name in BUILT_IN or not self.data_dir:
            return get_domain(self.name)
        return get_domain(Path(self.data_dir).expanduser())


class CrossNER(datasets.GeneratorBasedBuilder):
    """Splits `train`, `validation`, `test` with columns `id`, `tokens` and `ner_tags` (ClassLabel)."""

    BUILDER_CONFIG_CLASS = CrossNERConfig  # no list of configurations: users may have domains of their own

    def _info(self) -> datasets.DatasetInfo:
        sequence = getattr(datasets, "List", None) or datasets.Sequence  # List: datasets >= 4
        labels = datasets.ClassLabel(names=list(self.config.domain.labels))
        return datasets.DatasetInfo(
            description=f"CrossNER, {self.config.name}: named entity recognition across domains.",
            features=datasets.Features(
                {
                    "id": datasets.Value("string"),
                    "tokens": sequence(datasets.Value("string")),
                    "ner_tags": sequence(labels),
                }
            ),
            homepage=sources.REPOSITORY,
            license="MIT (the text of conll2003 is Reuters', research use only)",
            citation=CITATION,
        )

    def _split_generators(self, dl_manager: Any) -> list[datasets.SplitGenerator]:
        domain = self.config.domain
        files = download.domain_files(domain, self.config.data_dir, verify=self.config.verify)
        return [
            datasets.SplitGenerator(name=split, gen_kwargs={"path": str(path), "split": split})
            for split, path in files.items()
        ]

    def _generate_examples(self, path: str, split: str) -> Iterator[tuple[int, dict[str, Any]]]:
        domain = self.config.domain
        files_of = partial(download.domain_files, data_dir=self.config.data_dir, verify=self.config.verify)
        seen = deduplicate.seen_texts(domain, split, files_of) if domain.name in DEDUPLICATED else set()
        for key, (tokens, tags) in enumerate(sentences.read_sentences(domain, path)):
            if deduplicate.sentence_text(tokens) not in seen:
                yield key, {"id": str(key), "tokens": tokens, "ner_tags": tags}


def load(
    name: str | Path,
    *,
    split: str | None = None,
    data_dir: str | Path | None = None,
    streaming: bool = False,
    verify: bool = True,
    cache_dir: str | None = None,
) -> Any:
    """Load a domain; gives the same as `load_dataset("crossner", name)`.

    Args:
        name: A domain (`music`, `conll2003`, `music_dedup`, `sample_music`, …) or the folder of a domain of your own.
        split: One split, or a slice such as `test[:10]`; by default all three.
        data_dir: The folder with `music/train.txt` and so on; by default the one that CROSSNER_DATA_DIR names. Without
            either, official files are downloaded.
        streaming: Read the files row by row, without a cache.
        verify: Whether official files must have their published checksums.
        cache_dir: Where `datasets` keeps prepared data; by default its own cache.

    Returns:
        A `datasets.DatasetDict`, or a `datasets.Dataset` for one split (iterable ones for `streaming`). Columns: `id`
        (string), `tokens` (the words) and `ner_tags` (one ClassLabel for each word).

    Raises:
        ValueError: An unknown domain, a malformed file (with path:line), or an official file that was changed.
        FileNotFoundError: A file or folder is missing.
        ConnectionError: A download failed.
    """
    domain = get_domain(name)
    folder = str(domain.folder) if domain.folder else data_dir and str(Path(data_dir).expanduser().resolve())
    builder = CrossNER(
        cache_dir=cache_dir,
        dataset_name=NAME,
        config_name=domain.name,
        data_dir=folder,
        hash=fingerprint(folder),
        **({} if verify else {"verify": False}),
    )
    if streaming:
        return builder.as_streaming_dataset(split=split)
    try:
        builder.download_and_prepare()
    except DatasetGenerationError as error:
        raise error.__cause__ or error from None
    return builder.as_dataset(split=split)


def fingerprint(data_dir: str | Path | None) -> str:
    """Hash the code that shapes rows and the data; with the configuration's name, this is the cache key.

    A missing official file counts as the published one, so that prepared data is found again without the files.
    """
    root = sources.data_root(data_dir)
    modules = (crossner_hf.schema, crossner_hf.tagger.iob2, conll, deduplicate, download, sentences, sources)
    ours = [
        Path(__file__),
        *(Path(inspect.getfile(module)) for module in modules),
        *sources.SAMPLE_FOLDER.rglob("*.txt"),
    ]
    parts = [sources.sha256_of(path) for path in sorted(ours)]
    for name, official in sources.FILES.items():
        parts.append(sources.sha256_of(root / name) if (root / name).is_file() else official.sha256)
    for name in (DOMAIN_FILE, *sources.FILE_NAMES.values()):  # a folder that itself holds a domain
        parts.append(sources.sha256_of(root / name) if (root / name).is_file() else "-")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
