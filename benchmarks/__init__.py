"""Speed and memory, measured as ratios: what is compared runs alternately on the same machine in the same run."""
