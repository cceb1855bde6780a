"""How long cells take: by finished ones where there are some, by a committed table where there are none."""
