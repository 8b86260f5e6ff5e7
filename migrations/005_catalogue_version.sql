-- How often the services have changed, so that the list of them can be kept until they do.

CREATE TABLE catalogue (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL
) STRICT;

INSERT INTO catalogue (id, version) VALUES (1, 1);

CREATE TRIGGER catalogue_gains_a_service AFTER INSERT ON services
BEGIN
    UPDATE catalogue SET version = version + 1;
END;

CREATE TRIGGER catalogue_changes_a_service AFTER UPDATE ON services
BEGIN
    UPDATE catalogue SET version = version + 1;
END;

CREATE TRIGGER catalogue_loses_a_service AFTER DELETE ON services
BEGIN
    UPDATE catalogue SET version = version + 1;
END;
