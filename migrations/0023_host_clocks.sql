-- Hosts whose clock people were told is wrong, each with the key of that notice: told once, and once when it is over.
CREATE TABLE host_clocks (
    host text PRIMARY KEY,
    since timestamptz NOT NULL,
    notice text NOT NULL
);
