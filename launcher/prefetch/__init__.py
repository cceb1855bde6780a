"""Copies of weights and corpus, made before the cells that need them: by Jobs on a cluster, by processes here."""
