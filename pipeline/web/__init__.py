"""The HTTP API of the embedded home. Its modules load FastAPI: only `serve` and `demo` do."""

# Where a server listens when nobody says otherwise: on this machine alone.
HOST, PORT = "127.0.0.1", 8808
