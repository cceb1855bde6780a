"""What the training stack reads while it is imported, and how loud it is."""

import logging
import os
import warnings


def prepare_libraries(threads: int) -> None:
    """Before any of them is imported: a quiet log, and as many threads; torch would count the node's processors."""
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=FutureWarning)
    os.environ |= {
        "OMP_NUM_THREADS": str(threads),
        "TOKENIZERS_PARALLELISM": "false",
        "TRANSFORMERS_VERBOSITY": "error",
        "BITSANDBYTES_NOWELCOME": "1",
        # bitsandbytes would load the compiler for functions that stand in for its library; nothing here is compiled.
        "TORCHDYNAMO_DISABLE": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
