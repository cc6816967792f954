"""Artifacts: what a function carries to AWS Lambda, made without Docker.

The locked wheels of the target's platform, less what no function imports, then `pipeline/` and the
function itself. `pipeline/` goes in whole: it is a hundredth of the artifact, and sources come in
by name, which no graph of imports shows.
"""
