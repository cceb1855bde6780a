"""What the programs of this folder raise."""


class ImageFailed(Exception):
    """Shown to the user as one line: what, which value, the way out."""
