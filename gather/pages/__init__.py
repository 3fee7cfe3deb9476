"""Pages of the product that show gathering live."""
