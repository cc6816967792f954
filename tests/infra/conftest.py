"""What was built, for all tests that deploy it."""

from pathlib import Path

import pytest

from tests.infra.compiled import AARCH64, shared_object


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """What `sam build` leaves, for arm64."""
    (tmp_path / "template.yaml").touch()
    (tmp_path / "LogEtl").mkdir()
    (tmp_path / "LogEtl" / "x.so").write_bytes(shared_object(AARCH64))
    return tmp_path
