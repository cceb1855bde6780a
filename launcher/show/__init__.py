"""How plans, states and runs are shown: tables and live screens for people, plain values for machines."""
