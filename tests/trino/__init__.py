"""`make trino-check`: what saved SQL answers on a real Trino, the engine inside Athena.

Not a test that pytest collects: the server is 821 MB to get and a Java of 24 or newer to run.
"""
