-- Lines and events are keyed by their host and source, as samples are: what is hot can be spread over machines by that
-- column (docs/scaling.md). The order by time, which reading across hosts goes by, keeps an index.

ALTER TABLE logs DROP CONSTRAINT logs_pkey;
DROP INDEX logs_host;
ALTER TABLE logs ADD PRIMARY KEY (host, time, id);
CREATE INDEX logs_time ON logs (time, id);

ALTER TABLE events DROP CONSTRAINT events_pkey;
DROP INDEX events_by_source;
ALTER TABLE events ADD PRIMARY KEY (source, time, id);
CREATE INDEX events_by_time ON events (time, id);
