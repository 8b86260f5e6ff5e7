"""The HTTP door of /api/v2: one endpoint, from the request to the answer."""
