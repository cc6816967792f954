"""The two emulators: where each is installed, how it is told what to do, how it is recognised."""

import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import NotConfigured, UsageError
from pipeline.targets import identify

ROOT = Path(__file__).resolve().parents[2]
INSIDE = Path(__file__).with_name("inside")
# Both listen there alone; by name, since addresses of buckets are made of it.
LOOPBACK, HOST = "127.0.0.1", "localhost"
# Conditions leave them out, but LocalStack looks at all that a template holds.
LEFT_OUT = "AWS::Athena::WorkGroup,AWS::CloudWatch::Dashboard"


@dataclass(frozen=True, slots=True)
class Kind:
    """An emulator.

    version   what it has to say of itself, as locked in requirements/
    settings  its environment, by port and folder
    """

    name: str
    version: str
    settings: Callable[[int, Path], Mapping[str, str]]

    @property
    def python(self) -> Path:
        """The Python of its environment. Raises NotConfigured where it is not installed."""
        found = ROOT / "build" / f"venv-{self.name}" / "bin" / "python"
        if not found.exists():
            fix = f"make build/venv-{self.name}/bin/{self.name}"
            raise NotConfigured(f"{self.name} is not installed", f"in {found.parents[1]}", fix)
        return found

    @property
    def program(self) -> Path:
        """What that Python runs."""
        return INSIDE / f"{self.name}_host.py"

    def told(self, port: int) -> str:
        """Which version answers at a port; "" for none, or another emulator."""
        found = identify(f"http://{HOST}:{port}")
        return found.version if found and found.name == self.name else ""


def _ministack(port: int, folder: Path) -> Mapping[str, str]:
    return {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": LOOPBACK,
        "MINISTACK_HOST": HOST,
        "USE_SSL": "0",  # of localstack-client, for another address
        "IOT_MTLS_ENABLED": "0",  # else another port, open to all
        "LAMBDA_EXECUTOR": "local",
        # A compaction calls four at once; calls beyond it fail.
        "LAMBDA_ACCOUNT_CONCURRENCY": "6",
        "TMPDIR": str(folder),
        "S3_DATA_DIR": str(folder / "s3"),
    }


def _localstack(port: int, folder: Path) -> Mapping[str, str]:
    return {
        "GATEWAY_LISTEN": f"{LOOPBACK}:{port}",
        "LOCALSTACK_HOST": f"{HOST}:{port}",
        # A container that is not its own is taken for its own, and the system's folders with it.
        "OVERRIDE_IN_DOCKER": "0",
        "FILESYSTEM_ROOT": str(folder),
        "TMPDIR": str(folder),
        "DNS_ADDRESS": "0",
        "DISABLE_EVENTS": "1",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "KINESIS_LATENCY": "0",
        "LAMBDA_RUNTIME_EXECUTOR": "process",
        "CFN_IGNORE_UNSUPPORTED_RESOURCE_TYPES": "0",
        "CFN_IGNORE_UNSUPPORTED_TYPE_CREATE": LEFT_OUT,
        "NODE_OPTIONS": f"--require {INSIDE / 'loopback.cjs'}",
    }


MINISTACK = Kind("ministack", "1.5.33", _ministack)
LOCALSTACK = Kind("localstack", "4.13.1", _localstack)
KINDS = {kind.name: kind for kind in (MINISTACK, LOCALSTACK)}


def check(kind: Kind) -> None:
    """Raise NotConfigured where an emulator cannot run on this machine, and say why."""
    if sys.platform != "linux":
        fix = "use a machine with Linux, or a container; LocalStack in Docker: DOCKER=1"
        what = "the functions that an emulator runs here are built for Linux"
        raise NotConfigured(what, f"this is {sys.platform}", fix)
    if kind is LOCALSTACK and not shutil.which("npm"):
        fix = "install Node.js with npm (apt-get install npm), or take TARGET=ministack"
        raise NotConfigured("LocalStack's Kinesis is installed by npm, which is missing", "", fix)


def find(name: str) -> Kind:
    """The emulator of this name. Raises UsageError where there is none."""
    if name not in KINDS:
        raise UsageError(f"there is no emulator called {name}", "", f"known: {', '.join(KINDS)}")
    return KINDS[name]
