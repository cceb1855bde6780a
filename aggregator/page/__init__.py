"""The report in words and tables: a page that needs no other file, and its short form in Markdown."""
