"""A task of `predict` on a folder that notes its process, and kills it once where the test asks for it."""

import os
import signal
from pathlib import Path

from crossner_hf.cli import predict_folder

TAG_FILE = predict_folder._tag_file


def tag_file(path, target, options, forms):
    """Tag a file; if `kill` in the folder PREDICT_JOBS holds its name, die once, with a part of the output written."""
    work = Path(os.environ["PREDICT_JOBS"])
    with open(work / "log", "a", encoding="utf-8") as file:
        file.write(f"{path.name} {predict_folder._tagger.cache_info().misses}\n")
    if (work / "kill").exists() and (work / "kill").read_text() == path.name:
        (work / "kill").unlink()
        target.with_name(f".{target.name}.{os.getpid()}.part").write_text("a par")
        os.kill(os.getpid(), signal.SIGKILL)
    TAG_FILE(path, target, options, forms)
