"""Writes docs/record.schema.json, the JSON Schema of records: `python scripts/write_record_schema.py`."""

import json
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter

from crossner_hf.atomic_write import write_text
from crossner_hf.results.record_files import AnyRecord

PATH = Path(__file__).parents[1] / "docs" / "record.schema.json"


def record_schema() -> str:
    """The schema of every kind of record, told apart by `kind`."""
    adapter = TypeAdapter(Annotated[AnyRecord, Field(discriminator="kind")])
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Record of crossner-hf"}
    return json.dumps(schema | adapter.json_schema(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    write_text(PATH, record_schema())
