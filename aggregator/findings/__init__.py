"""What can be told from the outcomes and how surely: intervals, comparisons, trends, and the report of them all."""
