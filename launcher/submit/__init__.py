"""How planned cells become Jobs: with which image, many at a time, the canaries first."""
