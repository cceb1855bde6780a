"""Kubernetes' objects as plain values: the Job of a cell as it is written; what is read of pods, queues and nodes.

Pure, but for the file that a Job is filled in from.
"""
