"""The report's page, Markdown and CSV: whole, harmless whatever the text, with no network, also in a browser."""

import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser

import pandas as pd
import pytest
import report_runs

from crossner_hf.experiments.report.build import write_report
from crossner_hf.results.record_files import read_record

pytest.importorskip("matplotlib")


ATTACKS = (
    "<script>document.body.id='owned'</script>",
    "\"><img/src=x/onerror=document.body.id='owned'>",
    "</dd></dl><script>document.body.id='owned'</script>",
    "|**`_[x](http://evil.example/)",
    "&lt;b&gt;",
)
VOID = {"meta", "br", "img", "link", "input", "hr"}


class Page(HTMLParser):
    """Elements with their attributes; `text` is what stands between them; `unclosed` should end empty."""

    def __init__(self, html: str):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.unclosed: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.unclosed.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag):
        assert self.unclosed.pop() == tag

    def handle_data(self, data):
        if not self.unclosed or self.unclosed[-1] != "style":
            self.text += data

    def of(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A report on the sample (three settings, few-shot, corpus sizes) and on a domain whose words are attacks."""
    folder = tmp_path_factory.mktemp("report")
    hostile = folder / "hostile"
    hostile.mkdir()
    (hostile / "domain.json").write_text(json.dumps({"entity_types": ["<i>animal", "a|b", "person"]}))
    sentences = "\n".join(
        f"{word}\tB-<i>animal\nsaw\tO\n{word}\tB-person\nand\tO\n{word}\tB-a|b\n{word}\tI-a|b\n" for word in ATTACKS
    )
    for name in ("train.txt", "dev.txt", "test.txt"):
        (hostile / name).write_text(sentences, encoding="utf-8")
    make = report_runs.RunMaker(folder / "runs")
    report_runs.write_grid(make, ["sample_music", str(hostile)])
    report_runs.write_few_shot(make, "sample_music", sizes=(10, 25))
    report_runs.write_corpus_sizes(make, "sample_music", percents=(1, 100))
    make(encoder={"name": ATTACKS[0] + r" $\foo$", "sha256": "", "dapt": None}, arguments={ATTACKS[1]: 1})
    (make.folder / "grid.json").write_text('{"schema_version": 1, "grid": {}, "runs": {"music-joint-minilm-555": {}}}')
    (make.folder / "cut.json").write_text('{"schema_version": 1, "kin')
    make(seed=666, setting="joint", source={"domain": "conll2003"}, predictions=False)
    actual = write_report([make.folder], folder / "out", data_dirs=[hostile], resamples=300)
    assert actual.eval_sets == ["sample_music", "hostile"]
    return actual


@pytest.fixture(scope="module")
def page(report) -> Page:
    return Page((report.folder / "report.html").read_text(encoding="utf-8"))


PARTS = (
    *("Main results", "Few target sentences", "Size of the corpus", "Entity types", "Confusion between types"),
    *("Significance", "Hardest sentences", "Left out"),
)


def test_the_page_has_every_part_and_closes_every_element(page, report):
    assert page.unclosed == []
    html = (report.folder / "report.html").read_text(encoding="utf-8")
    assert tuple(re.findall(r"<h2[^>]*>(.*?)</h2>", html)) == PARTS  # no published scores: nothing here is CrossNER
    links = [a["href"] for a in page.of("a")]
    assert set(links) <= {f"#{element['id']}" for _, element in page.elements if "id" in element}
    assert len(links) == len(PARTS)


def test_the_page_needs_nothing_from_elsewhere(page, report):
    assert {tag for tag, _ in page.elements}.isdisjoint({"script", "link", "img", "iframe", "object", "embed", "base"})
    for tag, attributes in page.elements:
        for name, value in attributes.items():
            if name in ("src", "href", "xlink:href", "action", "data"):
                assert value.startswith("#"), (tag, name, value)
            assert not name.startswith("on")
            assert "url(" not in value or re.search(r"url\(#", value)
    style = (report.folder / "report.html").read_text(encoding="utf-8").partition("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    (policy,) = [m["content"] for m in page.of("meta") if "http-equiv" in m]
    assert policy.startswith("default-src 'none'")


def test_ids_are_unique_on_the_page(page):
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_tables_have_headers_and_plots_have_words(page):
    assert all(th.get("scope") in ("col", "row") for th in page.of("th"))
    assert len(page.of("thead")) == len(page.of("table"))
    assert len(page.of("figcaption")) == len(page.of("figure"))
    words = [div["aria-label"] for div in page.of("div") if div.get("role") == "img"]
    assert len(words) == len(page.of("svg")) == 4
    assert all(words)


def test_words_of_the_data_are_shown_as_they_are(page):
    for attack in ATTACKS:
        assert attack in page.text


def test_markdown_holds_no_markup_of_the_data_and_its_tables_have_all_their_columns(report):
    text = (report.folder / "report.md").read_text(encoding="utf-8")
    code = [line for line in text.splitlines() if line.startswith("    ")]
    rest = "\n".join(line for line in text.splitlines() if not line.startswith("    "))
    assert any(ATTACKS[0] in line for line in code)
    assert "<script" not in rest
    assert "<img" not in rest
    for block in rest.split("\n\n"):
        rows = [line for line in block.splitlines() if line.startswith("|")]
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) <= 1
    for link in re.findall(r"\]\((figures/[\w-]+\.svg)\)", text):
        assert (report.folder / link).read_text(encoding="utf-8").startswith("<?xml")


def test_figures_are_well_formed_svg(report):
    from xml.etree import ElementTree

    figures = sorted((report.folder / "figures").glob("*.svg"))
    assert [path.stem for path in figures] == ["corpus-size", "few-shot", "scores-not-crossner", "types-not-crossner"]
    for path in figures:
        assert ElementTree.parse(path).getroot().tag.endswith("svg")


def test_every_csv_file_has_rows_and_the_numbers_of_the_records(report):
    rows = {path.stem: len(pd.read_csv(path)) for path in report.folder.glob("*.csv")}
    assert rows.keys() == {
        *("main_table", "runs", "per_type", "few_shot", "corpus_size", "significance", "confusion"),
    }
    assert all(rows.values())
    assert rows["runs"] == report.runs
    assert f1_in(report.folder / "runs.csv") == pytest.approx(f1_of_records(report, "conlleval"))


def test_files_set_aside_and_duplicates_that_do_not_agree_are_named(report, page):
    assert report.set_aside[0].shown == "runs/cut.json"
    assert "contradicting" in page.text
    assert "runs/cut.json" in page.text


def test_runs_of_a_grid_without_a_record_are_listed(report):
    text = (report.folder / "report.md").read_text(encoding="utf-8")
    assert re.search(r"music-joint-minilm-555\W+not begun", text)
    assert "grid.json" not in text


def test_one_report_gives_one_text(report, tmp_path):
    runs, data = report.folder.parent / "runs", report.folder.parent / "hostile"
    write_report([runs], tmp_path, data_dirs=[data], resamples=300)
    for name in ("report.html", "report.md", "significance.csv"):
        assert (tmp_path / name).read_bytes() == (report.folder / name).read_bytes()


def test_without_matplotlib_and_test_sentences_the_rest_is_there(report, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    runs = report.folder.parent / "runs"
    with pytest.raises(ImportError, match=r"pip install 'crossner-hf\[report\]'"):
        write_report([runs], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (missing,) = write_report([runs], tmp_path / "out", convention="strict", with_plots=False).missing
    text = Page((tmp_path / "out" / "report.html").read_text(encoding="utf-8")).text
    for words in (missing, text):
        assert "name the folder of your domain hostile with --data_dir" in words
    assert "hostile (not CrossNER)" in text
    assert "(strict)" in text
    assert f1_in(tmp_path / "out" / "runs.csv") == pytest.approx(f1_of_records(report, "strict"))


def f1_in(path) -> dict[str, float]:
    return pd.read_csv(path).set_index("record")["f1"].to_dict()


def f1_of_records(report, convention: str) -> dict[str, float]:
    """F1 of the records that the report shows."""
    names = f1_in(report.folder / "runs.csv")
    records = {name: read_record(report.folder.parent / name) for name in names}
    return {name: 100 * record.scores["test"][convention].overall.f1 for name, record in records.items()}


@pytest.fixture(scope="module")
def official_report(official, tmp_path_factory):
    """A report on the source and on few-shot runs on music."""
    folder = tmp_path_factory.mktemp("official")
    make = report_runs.RunMaker(folder / "runs", official)
    make("conll2003", rate=0.3)
    report_runs.write_few_shot(make, "music", sizes=(10,))
    make("music")
    return write_report([make.folder], folder / "out", data_dirs=[official], with_plots=False, resamples=10).folder


def test_sentences_of_conll_are_not_printed(official_report):
    text = (official_report / "report.md").read_text(encoding="utf-8")
    assert "conll2003: not printed, as its text (Reuters) may not be passed on." in text
    assert re.findall(r"^### .*", text, flags=re.MULTILINE) == ["### music"]


def test_few_shot_curves_of_an_official_domain_end_at_its_whole_training_split(official_report):
    assert set(pd.read_csv(official_report / "few_shot.csv")["target_sentences"]) == {10, 100}


BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


@pytest.fixture(scope="module")
def browser():
    actual = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if not actual:
        pytest.skip(f"none of {', '.join(BROWSERS)} is on PATH")
    return actual


def test_a_browser_shows_the_page_and_runs_nothing_of_it(browser, report, tmp_path):
    # Written by a script of our own at the end of a copy: what the browser lays out, and whether an attack ran.
    text = (report.folder / "report.html").read_text(encoding="utf-8")
    probe = (
        "<script>const t = document.querySelector('table').getBoundingClientRect(), "
        "s = document.querySelector('svg').getBoundingClientRect();"
        "document.title = JSON.stringify({owned: document.body.id, table: t.width, plot: s.width, plotHeight: s.height,"
        "wide: document.documentElement.scrollWidth, "
        "requests: performance.getEntriesByType('resource').length})</script>"
    )
    open_policy = text.replace("default-src 'none'; style-src 'unsafe-inline'", "default-src * 'unsafe-inline' data:")
    assert open_policy != text
    (tmp_path / "copy.html").write_text(open_policy.replace("</body>", f"{probe}</body>"), encoding="utf-8")
    command = [
        browser,
        *("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"),
        *("--disable-component-update", "--disable-sync", "--window-size=1200,900", "--dump-dom"),
        f"--user-data-dir={tmp_path / 'profile'}",
    ]
    shown = subprocess.run([*command, f"file://{tmp_path}/copy.html"], capture_output=True, timeout=120, check=True)
    dom = Page(shown.stdout.decode("utf-8"))
    seen = json.loads(re.search(r"<title>(.*?)</title>", shown.stdout.decode("utf-8"))[1].replace("&quot;", '"'))
    assert (seen["owned"], seen["requests"]) == ("", 0)
    assert seen["table"] > 200
    assert seen["plot"] > 500
    assert seen["plotHeight"] > 80
    assert seen["wide"] <= 1200  # tables scroll in their own boxes, the page does not
    assert len(dom.of("script")) == 1  # ours
    assert ATTACKS[0] in dom.text
    assert all(part in dom.text for part in PARTS)
