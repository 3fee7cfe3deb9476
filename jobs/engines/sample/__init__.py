"""A source that works without the internet: pictures made by the product and served over HTTP by the product.

``catalogue`` decides what there is, ``painter`` makes the bytes, ``views`` serves them, ``engine`` lists them.
"""

from .engine import ENGINE

__all__ = ["ENGINE"]
