"""The same job by other tools, each written as somebody at home in that tool would write it."""
