"""A panel to test API clients against, and its remote control."""
