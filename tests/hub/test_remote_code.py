"""Modules of a package become files of one folder: which come along, what their text says, and what cannot travel."""

import pytest

from crossner_hf import __version__
from crossner_hf.hub.remote_code import flat_files, remote_files


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Writes a package from the texts of its modules."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(name: str, **modules: str) -> None:
        for module, text in modules.items():
            path = tmp_path.joinpath(name, *module.split("__")).with_suffix(".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            for folder in (tmp_path / name, path.parent):
                (folder / "__init__.py").touch()
            path.write_text(text, encoding="utf-8")

    return write


def test_imports_from_any_depth_become_imports_from_beside(package):
    several = "from {} import (\n    split,\n    SPLIT as S,\n)  # both\n"
    package(
        "deep",
        models__tagger="import json\n\n" + several.format("..words"),
        words="def f():\n    from .models.crf import CRF\n    return CRF\n",
        models__crf="from .sums import total\n",
        models__sums="total = 0\n",
        models__other="from .sums import total\n",
    )
    files = flat_files(["deep.models.tagger"])
    bodies = {name: text.partition("\n")[2] for name, text in files.items()}
    assert bodies == {
        "crf.py": "from .sums import total\n",
        "sums.py": "total = 0\n",
        "tagger.py": "import json\n\n" + several.format(".words"),
        "words.py": "def f():\n    from .crf import CRF\n    return CRF\n",
    }


def test_what_type_checkers_alone_import_stays_behind(package):
    guarded = "if TYPE_CHECKING:\n    from .heavy import Heavy\n\nx: 'Heavy | None' = None\n"
    package("typed", light=f"from typing import TYPE_CHECKING\n\n{guarded}", heavy="class Heavy: ...\n")
    files = flat_files(["typed.light"])
    assert list(files) == ["light.py"]
    assert "heavy" not in files["light.py"]
    compile(files["light.py"], "light.py", "exec")


def test_two_modules_of_one_name_cannot_lie_in_one_folder(package):
    package("twins", a__sums="x = 1\n", b__sums="from ..a.sums import x\n")
    with pytest.raises(ValueError, match=r"twins\.\w\.sums and twins\.\w\.sums would both become sums\.py"):
        flat_files(["twins.b.sums"])


def test_an_import_by_the_packages_full_name_cannot_travel(package):
    package("full", words="def f():\n    from crossner_hf.tagger.word_splitter import Word\n    return Word\n")
    with pytest.raises(ValueError, match=r"full\.words, line 2: an absolute import of crossner_hf cannot travel"):
        flat_files(["full.words"])


def test_imports_are_found_wherever_they_stand(package):
    package("odd", a="try:\n    x = 1\nexcept ImportError:\n    from .b import x\n", b="x = 1\n", c="from . import b\n")
    assert list(flat_files(["odd.a"])) == ["a.py", "b.py"]
    with pytest.raises(ValueError, match=r"odd\.c, line 1: 'from \. import' cannot travel"):
        flat_files(["odd.c"])


def test_every_file_opens_with_its_module_version_and_licence():
    for name, text in remote_files("coach").items():
        first = text.partition("\n")[0]
        assert first.startswith("# crossner_hf.")
        assert f".{name.removesuffix('.py')} of crossner-hf {__version__}, MIT licence" in first
