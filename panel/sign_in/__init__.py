"""Signing in to the dashboard: sessions, known devices, wrong tries, one-time passwords."""
