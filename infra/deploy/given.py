"""How a template is given to CloudFormation: in the request, or by way of SAM's bucket.

Sources: AWS CloudFormation User Guide, "Understand CloudFormation quotas"; API Reference,
"CreateChangeSet" (https addresses alone); aws-sam-cli, `S3Uploader.to_path_style_s3_url`.
"""

from hashlib import sha256
from typing import Any

from infra.deploy.kept import sam_bucket
from pipeline.errors import TailraceError

# What CloudFormation takes in a request; from a bucket it takes 1 MB.
REQUEST_BYTES = 51_200


def given(template: str, stack: str, client: Any, s3: Any) -> dict[str, str]:
    """The template itself, or where it was uploaded to when it is too long: words of a request.

    stack   its name, below which SAM uploads what belongs to it
    client  of CloudFormation; who asks it must be able to read what is uploaded

    Raises TailraceError where it is too long and SAM's bucket is not known, ClientError of S3.
    """
    content = template.encode()
    if len(content) <= REQUEST_BYTES:
        return {"TemplateBody": template}
    bucket = sam_bucket(client)
    if not bucket:
        what = f"a template of {len(content):,} bytes goes through a bucket, and SAM's is not known"
        raise TailraceError(what)
    key = f"{stack}/{sha256(content).hexdigest()}.template"
    # It stays, as all does that SAM uploads: its bucket has versions, and deleting leaves those.
    s3.put_object(Bucket=bucket, Key=key, Body=content)
    # As SAM says it: the host is that of the region and its partition.
    return {"TemplateURL": f"{s3.meta.endpoint_url}/{bucket}/{key}"}
