"""The key of the hashes of visitors in a deployed stack: a secret that the stack has made.

All copies of a function have to call a visitor the same, so each makes the day's salt of one key
that stays. Whoever may read it can make the salt of any day again, and then try out which address a
visitor of the lake was, or whether those of two days were the same one.

Source: AWS Secrets Manager API Reference, "GetSecretValue".
"""

from typing import Any

from pipeline import aws
from pipeline.aws import told
from pipeline.beacon import KEY_BYTES
from pipeline.errors import NotConfigured


def visitor_key(secret: str) -> bytes:
    """The key, read once by each copy of a function.

    secret  its ARN

    Raises NotConfigured where none is named or it is no key, TailraceError where it is not given.
    """
    if not secret:
        fix = "deploy the stack's own template, which sets it"
        raise NotConfigured("TAILRACE_DELIVERY_VISITOR_SECRET is not set", "", fix)
    client: Any = aws.session().client("secretsmanager", config=aws.patience())
    with told("Secrets Manager", f"secret {secret}"):
        text = client.get_secret_value(SecretId=secret).get("SecretString", "")
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        fix = f"give it {2 * KEY_BYTES} hexadecimal digits: visitors have other ids then"
        raise NotConfigured("the key of visitors is none", f"in the secret {secret}", fix)
    return key
