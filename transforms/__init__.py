"""Frames in, frames out: what changes what a customer owes. No file, clock, network or randomness."""
