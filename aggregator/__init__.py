"""Turns results into a report and its heatmap.

Read the rooms from below: `reading` brings outcomes from a store, `outcomes` says what they are, `findings` what can be
told from them by the methods of `statistics`. `figures`, `page` and `output` show it, `command_line` asks for it all.
"""
