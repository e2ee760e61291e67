"""What the benchmarks of load share: a panel of their own, many viewers, bare programs to compare with."""
