"""/api/v2 over HTTP: from the request to the answer."""
