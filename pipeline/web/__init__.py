"""The HTTP API of the embedded home. Importing it loads FastAPI: only `serve` does."""
