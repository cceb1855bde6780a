"""Copies pretrained weights and the corpus to where cells reach them: `python -m trainer.prefetch`."""
