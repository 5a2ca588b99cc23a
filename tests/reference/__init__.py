"""An independent, slow, day-by-day reading of the billing rules, and random sources to hold the product against it."""
