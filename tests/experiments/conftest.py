"""What tests of the report share."""

import pytest
import report_runs


@pytest.fixture
def make(tmp_path):
    """Makes run folders in a folder of this test."""
    return report_runs.RunMaker(tmp_path / "runs")
