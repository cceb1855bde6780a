# The context is a folder with nothing but the archive of a root file system, which image/base.py makes.
FROM scratch AS base
ADD root.tar /
CMD ["python3"]
