"""How fast, and in how much memory: sources of any size, the product, and the same job by its peers."""
