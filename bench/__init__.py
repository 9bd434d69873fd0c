"""Measurements of the product, one table each: `make bench`."""
