"""Files in the form of the official ones, for tests that must run without those."""

from pathlib import Path

from crossner_hf.data.conll import Sentence
from crossner_hf.data.sentences import read_sentences
from crossner_hf.data.sources import FILE_NAMES, SAMPLE_FOLDER
from crossner_hf.schema import SOURCE, get_domain


def write_stand_in(folder: Path) -> Path:
    """Write files for the six official domains, with sentences of the samples and some copies; gives the folder.

    Music has its own sample, the others have every fifth sentence of the news. Copies: the first sentence of music/dev,
    without its entities, at the end of music/test, and that of politics/train at the end of science/test.
    """
    files = {}
    for number, name in enumerate((SOURCE.name, "politics", "science", "literature", "ai", "music")):
        sample = "sample_music" if name == "music" else "sample_news"
        for file in FILE_NAMES.values():
            path = SAMPLE_FOLDER / sample.removeprefix("sample_") / file
            sentences = list(read_sentences(get_domain(sample), path))
            files[name, file] = sentences if name == "music" else sentences[number::5]
    tokens, tags = files["music", "dev.txt"][0]
    files["music", "test.txt"].append(Sentence(tokens, ["O"] * len(tags)))
    files["science", "test.txt"].append(files["politics", "train.txt"][0])
    for (name, file), sentences in files.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        text = "\n".join("".join(f"{word}\t{tag}\n" for word, tag in zip(*s, strict=True)) for s in sentences)
        (folder / name / file).write_text(text, encoding="utf-8")
    return folder
