"""The whole trainer's imports, for a process that is forked into many trainers and has done them once."""

import logging
import os

# CUDA that was asked for its devices refuses to be used in a fork, and a pool of threads is not forked with the rest.
os.environ |= {"CUDA_VISIBLE_DEVICES": "", "PYTORCH_NVML_BASED_CUDA_CHECK": "1", "OMP_NUM_THREADS": "1"}
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)

import trainer.run  # noqa: E402, F401
