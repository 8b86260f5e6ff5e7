"""The public reference page of the API, and the table of services that it shows."""
