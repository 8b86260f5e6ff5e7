"""The life of an order: placing, sending, following, changing, paying back."""
