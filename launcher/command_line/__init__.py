"""What a user asks for, by options and the environment, and the streams on which he is answered.

Nothing here knows a cluster, a cell's state or a price.
"""
