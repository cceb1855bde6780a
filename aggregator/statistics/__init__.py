"""The methods, each with its source: estimates, intervals, tests, resampling.

They know of no store, no grid and no page.
"""
