"""tailrace top: what is hot now, in the terminal."""

from pipeline.cli.top.command import top

__all__ = ["top"]
