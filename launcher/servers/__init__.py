"""The servers that are asked over HTTP: the API server of a cluster, and registries of images.

What they answer leaves as the values of jobs/, what they refuse as one line with the remedy.
"""
