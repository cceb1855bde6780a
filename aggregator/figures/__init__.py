"""The findings and outcomes drawn, for paper and for the page."""
