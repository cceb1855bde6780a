"""Faults on purpose: programs that break cells and stores at random, and count what comes out of it."""
