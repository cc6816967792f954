"""Functions of the page as Lambda calls them: what they need is in the environment, or is told."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.functions.services import Services
from tests.functions.test_log_etl import RUNTIME, environ


@pytest.mark.parametrize(
    ("name", "event", "told"),
    [
        ("presets", {"minutes": 15}, "TAILRACE_STACK_STAGE and TAILRACE_STACK_RESULTS are not set"),
        ("page", {}, "TAILRACE_STACK_STAGE is not set"),
    ],
)
def test_without_its_stack_a_function_says_what_sets_it(
    tmp_path: Path, name: str, event: dict[str, int], told: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-B", "-c", RUNTIME.replace("log_etl import", f"{name} import")],
        input=json.dumps(event) + "\n",
        capture_output=True,
        text=True,
        env=environ(Services(url="http://127.0.0.1:9")),
        cwd=tmp_path,
        timeout=120,
    )
    assert told in done.stderr + done.stdout
