"""The background process that sends orders to providers and brings their progress back."""
