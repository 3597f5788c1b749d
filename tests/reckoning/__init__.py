"""The marts computed again in plain Python, from docs/reference/data-model.md alone: no SQL, nothing of the product."""
