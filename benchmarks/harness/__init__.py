"""What the benchmarks of failure share: real sweeps, started cheaply, watched, and compared."""
