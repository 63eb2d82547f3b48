"""The twin of the Export Service: documents of measured days, volume days and edits, listed page by page."""
