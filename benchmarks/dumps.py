"""MediaWiki XML: unpacking a dump, and its pages to plain text, beside a bare `iterparse` of the same file.

`python benchmarks/dumps.py [FILE …]`: the articles' text comes from these files, else from the sample.
"""

import random
import re
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from itertools import cycle, islice
from pathlib import Path
from xml.sax.saxutils import escape

from crossner_hf.corpora.documents import plan_shards
from crossner_hf.corpora.dumps import PAGES_FILE, unpack_dump
from crossner_hf.data.sources import SAMPLE_FOLDER

PAGES = 4_000
PAGE = (
    "<page><title>{title}</title><ns>0</ns><id>{number}</id><revision><id>{number}</id>"
    "<timestamp>2020-01-01T00:00:00Z</timestamp><contributor><username>A</username><id>1</id></contributor>"
    "<model>wikitext</model><format>text/x-wiki</format><text>{text}</text></revision></page>\n"
)
HEAD = '<mediawiki xml:lang="en"><siteinfo><namespaces><namespace key="14">Category</namespace></namespaces></siteinfo>'
INFOBOX = (
    "{{Infobox thing\n| name = X\n| image = X.jpg\n| date = {{start date|1990|1|2}}\n| area = {{convert|5|km2}}\n}}"
)
REFERENCE = (
    "<ref>{{cite web |title=A title |url=http://example.org/page |date=1 May 2000 |publisher=[[Someone]]}}</ref>"
)


def write_dump(path: Path, texts: list[str]) -> Path:
    """PAGES articles with an infobox, a link for each fifth name, a reference for each third sentence, a table."""
    rng = random.Random(0)
    with open(path, "w", encoding="utf-8") as file:
        file.write(HEAD)
        for number, text in enumerate(islice(cycle(texts), PAGES), start=1):
            text = re.sub(r"\b[A-Z]\w+\b", lambda m: f"[[{m[0]} (name)|{m[0]}]]" if rng.random() < 0.2 else m[0], text)
            text = re.sub(r"\. ", lambda m: f".{REFERENCE} " if rng.random() < 0.33 else m[0], text)
            table = "{| class=wikitable\n|-\n| a || b\n|}" if number % 3 == 0 else ""
            wikitext = (
                f"{INFOBOX}\n'''A'''{text}\n{table}\n== References ==\n{{{{reflist}}}}\n[[Category:C{number % 99}]]"
            )
            file.write(PAGE.format(title=f"Page {number}", number=number, text=escape(wikitext)))
        file.write("</mediawiki>\n")
    return path


def bare(path: Path) -> int:
    pages = 0
    for _, element in ET.iterparse(path):
        if element.tag == "page":
            pages += 1
            element.clear()
    return pages


def bench_dumps(data_dir: str | None = None, sources: tuple[str, ...] = ()) -> list[tuple[str, str, str]]:
    """Pages a second and core."""
    shards = plan_shards(sources or (SAMPLE_FOLDER / "music" / "raw.txt",))
    documents = (document.text for shard in shards for document in shard.documents())
    texts = list(islice(documents, PAGES))
    with tempfile.TemporaryDirectory() as folder:
        path = write_dump(Path(folder) / "dump.xml", texts)
        kilobytes = path.stat().st_size / PAGES / 1000
        pages = Path(folder) / "pages" / PAGES_FILE

        def read() -> int:
            return sum(1 for shard in plan_shards((pages,)) for _ in shard.documents())

        speeds = []
        for function in (lambda: bare(path), lambda: unpack_dump(path, pages.parent)["articles"], read):
            begun = time.process_time()
            if function() != PAGES:
                raise AssertionError("pages are lost")
            speeds.append(PAGES / (time.process_time() - begun))
    parse, unpack, text = speeds
    whole = 1 / (1 / unpack + 1 / text)
    what = f"MediaWiki XML, {PAGES:,} pages of {kilobytes:.1f} kB: bare iterparse {parse:,.0f} pages a second and core"
    return [
        (what, "", ""),
        ("  unpacking", f"{unpack:,.0f} pages/s, {unpack / parse:.0%} of iterparse", ""),
        ("  wikitext to text, categories and links", f"{text:,.0f} pages/s", ""),
        ("  together", f"{whole:,.0f} pages/s, {whole / parse:.0%} of iterparse", ""),
    ]


if __name__ == "__main__":
    for row in bench_dumps(None, tuple(sys.argv[1:])):
        print("  ".join(row), flush=True)
