"""What knows SQLite: connections, transactions, compiled queries, upgrades and backups."""
