"""A function of an emulator in a process of its own: one invocation a line, one answer a line.

Run by the emulator's Python with the environment that the function would have. It may import
nothing of ours: what lies beside it here is not part of the function.
"""

import importlib
import json
import os
import sys
import time
import traceback
from types import SimpleNamespace


def main() -> None:
    """Answer invocations until nobody sends any; what a function prints goes to stderr."""
    sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    module, _, name = os.environ["_HANDLER"].rpartition(".")
    handler = None
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            handler = handler or getattr(importlib.import_module(module.replace("/", ".")), name)
            said = handler(json.loads(asked["payload"] or "null"), context(asked))
            answer = {"ok": True, "payload": json.dumps(said)}
        except Exception as error:  # noqa: BLE001 - whatever a function raises is its answer
            answer = {"ok": False, "payload": json.dumps(failure(error))}
        sys.stdout.flush()
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def context(asked: "dict[str, str]") -> SimpleNamespace:
    """What Lambda says about an invocation."""
    ends = time.monotonic() + float(os.environ["AWS_LAMBDA_FUNCTION_TIMEOUT"])
    return SimpleNamespace(
        aws_request_id=asked["id"],
        invoked_function_arn=asked["arn"],
        function_name=os.environ["AWS_LAMBDA_FUNCTION_NAME"],
        function_version=os.environ["AWS_LAMBDA_FUNCTION_VERSION"],
        memory_limit_in_mb=int(os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]),
        log_group_name=os.environ["AWS_LAMBDA_LOG_GROUP_NAME"],
        log_stream_name=os.environ["AWS_LAMBDA_LOG_STREAM_NAME"],
        get_remaining_time_in_millis=lambda: max(0, round((ends - time.monotonic()) * 1000)),
    )


def failure(error: Exception) -> "dict[str, object]":
    """An error as Lambda tells it."""
    trace = traceback.format_tb(error.__traceback__)
    return {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": trace}


if __name__ == "__main__":
    main()
