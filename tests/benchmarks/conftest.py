"""What tests of the benchmarks share with those of the domain."""

from tests.checklists.served import port

__all__ = ["port"]
