"""The consumer: what stands in the stream is processed by the rules of an event source mapping."""

from pipeline.consume.worker import Holding, Worker

__all__ = ["Holding", "Worker"]
