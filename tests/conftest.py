"""What every room of the tests shares."""

import os
from pathlib import Path

import pytest
from hypothesis import Phase, settings

# The same examples on every machine, so that a failure can be repeated; not shrunk, so that it is told in seconds.
settings.register_profile("steady", derandomize=True, deadline=None, phases=(Phase.explicit, Phase.generate))
settings.load_profile("steady")


@pytest.fixture(scope="session")
def cases() -> Path:
    """Folder of the real cases: ``SPATIAL_CASES``, else ``../shared/cases`` beside the project."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "cases"
    folder = Path(os.environ.get("SPATIAL_CASES") or beside)
    if not folder.is_dir():
        reason = f"the real cases are absent: {folder} is no folder; set SPATIAL_CASES to where they are"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(f"{reason} (the build machine must run them)")
        pytest.skip(reason)
    return folder
