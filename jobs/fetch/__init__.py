"""Safe download and storage of images: from an address to durable bytes under their sha256."""
