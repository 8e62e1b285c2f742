"""Real applications over the emulated mesh: their packets, the wall clock, and what they are run in."""
