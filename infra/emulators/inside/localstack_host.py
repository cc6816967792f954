"""LocalStack on this machine, without Docker: run by the Python of its own environment.

What is changed before it starts: 4.13 is written for Python 3.13, and two of its lines do not run
on older ones; it listens on all interfaces, whatever GATEWAY_LISTEN says; without its list from the
network it takes every type of resource, or none; and it runs functions in Docker.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import uuid
from pathlib import Path
from typing import Any

LOOPBACK = "127.0.0.1"
# By this variable our launcher knows what we have started.
MARK = "EMULATOR_OF"
CHILD = Path(__file__).with_name("function_child.py")


def main() -> None:
    """Run until a signal comes."""
    with_lock_as_a_class()
    with_uuids_of_bytes()
    with_loopback_only()
    with_own_resource_types()
    with_functions_in_processes()
    from localstack.runtime.main import main as run

    run()


def with_lock_as_a_class() -> None:
    """Import what annotates with threading.Lock while that is a class; it was none before 3.13."""
    if sys.version_info >= (3, 13):
        return
    make = threading.Lock

    class Lock:
        def __new__(cls) -> Any:
            return make()

    threading.Lock = Lock
    import localstack.packages.api  # noqa: F401 - it is imported with a Lock that is a class

    threading.Lock = make


def with_uuids_of_bytes() -> None:
    """Let uuid5 take bytes, as it does from 3.12 on: keys of KMS have such ids."""
    if sys.version_info >= (3, 12):
        return
    of_text = uuid.uuid5

    def uuid5(namespace: uuid.UUID, name: "str | bytes") -> uuid.UUID:
        if isinstance(name, str):
            return of_text(namespace, name)
        digest = hashlib.sha1(namespace.bytes + name, usedforsecurity=False).digest()
        return uuid.UUID(bytes=digest[:16], version=5)

    uuid.uuid5 = uuid5


def with_loopback_only() -> None:
    """Listen where GATEWAY_LISTEN says, here always on loopback."""
    from twisted.internet import endpoints

    real = endpoints.TCP4ServerEndpoint

    def local(reactor: Any, port: int, **more: Any) -> Any:
        return real(reactor, port, **{**more, "interface": LOOPBACK})

    put(endpoints, "TCP4ServerEndpoint", local)


def with_own_resource_types() -> None:
    """Refuse templates with types of resources for which there is no code here."""
    from localstack.services.cloudformation.engine.v2 import change_set_resource_support_checker
    from localstack.utils.catalog.catalog import CatalogPlugin
    from localstack.utils.catalog.common import CloudFormationResourcesSupportAtRuntime as Support

    class Here(CatalogPlugin):  # type: ignore[misc]
        def get_aws_service_status(self, service: str, operation: "str | None" = None) -> None:
            return None

        def get_cloudformation_resource_status(self, name: str, *more: Any) -> Any:
            known = self._get_cfn_resources_available_at_runtime()
            return Support.AVAILABLE if name in known else Support.NOT_IMPLEMENTED

    put(change_set_resource_support_checker, "get_aws_catalog", Here)


def with_functions_in_processes() -> None:
    """Put our executor in the place of all others."""
    from localstack.services.lambda_.invocation import runtime_executor

    put(runtime_executor, "EXECUTOR_PLUGIN_MANAGER", OnlyOurs(executor()))


def put(module: Any, name: str, ours: Any) -> None:
    """Put something of ours in a place that has to be there: other versions may have none."""
    if not hasattr(module, name):
        raise SystemExit(f"this is another version: {module.__name__} has no {name}")
    setattr(module, name, ours)


class OnlyOurs:
    """The registry of executors, with one in it."""

    def __init__(self, made: type) -> None:
        self._made = made

    def exists(self, name: str) -> bool:
        """Whether there is such an executor."""
        return True

    def load(self, name: "str | None" = None) -> Any:
        """The plugin, and the executor of the plugin."""
        return self if name else self._made


def died(logs: str) -> str:
    """The answer of a process that gave none."""
    failure = {"errorType": "Runtime.ExitError", "errorMessage": logs[-2000:]}
    return json.dumps({"ok": False, "payload": json.dumps(failure)})


def executor() -> type:
    """The executor; its base is LocalStack's, which can be imported only now."""
    from localstack.services.lambda_.invocation.lambda_models import InvocationResult
    from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor

    class InProcess(RuntimeExecutor):  # type: ignore[misc]
        """One execution environment of a function: a process that answers line by line."""

        def start(self, env_vars: "dict[str, Any]") -> None:
            code = str(self.function_version.config.code.get_unzipped_code_location())
            environment = {
                name: str(value) for name, value in env_vars.items() if value is not None
            }
            environment |= {"PATH": os.environ["PATH"], "LAMBDA_TASK_ROOT": code, "TZ": "UTC"}
            environment[MARK] = os.environ[MARK]
            self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - lives as long as the process
            self.process: Any = subprocess.Popen(  # noqa: S603 - our own Python, with our own file
                [sys.executable, "-P", str(CHILD)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.log,
                env=environment,
                text=True,
                cwd=code,
            )

        def stop(self) -> None:
            self.process.kill()
            self.process.wait()

        def invoke(self, payload: "dict[str, str]") -> Any:
            asked = {
                "id": payload["invoke-id"],
                "arn": payload["invoked-function-arn"],
                "payload": payload["payload"],
            }
            before = os.fstat(self.log.fileno()).st_size
            self.process.stdin.write(json.dumps(asked) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
            logs = self._logged(before)
            # To the emulator's log, where one looks for it.
            print(logs, end="", file=sys.stderr, flush=True)  # noqa: T201 - there is no logger
            said = json.loads(line or died(logs))
            return InvocationResult(
                request_id=asked["id"],
                payload=said["payload"].encode(),
                is_error=not said["ok"],
                logs=logs,
            )

        def get_logs(self) -> str:
            return self._logged(0)

        def _logged(self, start: int) -> str:
            end = os.fstat(self.log.fileno()).st_size
            return os.pread(self.log.fileno(), end - start, start).decode("utf-8", "replace")

        def get_address(self) -> str:
            return LOOPBACK

        def get_endpoint_from_executor(self) -> str:
            return LOOPBACK

        def get_runtime_endpoint(self) -> str:
            return f"http://{LOOPBACK}"

        @classmethod
        def prepare_version(cls, function_version: Any) -> None:
            if function_version.config.code:
                function_version.config.code.prepare_for_execution()

        @classmethod
        def cleanup_version(cls, function_version: Any) -> None:
            pass

    return InProcess


if __name__ == "__main__":
    main()
