-- The embedded visit store: integers and short public texts, no name and no address.
-- A space of 0 means all spaces together; their days are the house's.

-- Texts are numbered within their kind, so that a country takes one byte; 0 is the empty one.
create table dim (
    kind integer not null,
    id integer not null,
    text text not null,
    primary key (kind, id)
) without rowid;
create unique index dim_text on dim (kind, text);

-- New texts that a space brought in a year: beyond the cap they become "(other)".
create table fresh (
    space integer not null,
    year integer not null,
    kind integer not null,
    n integer not null,
    primary key (space, year, kind)
) without rowid;

create table agent (
    id integer primary key,
    device integer not null,
    browser integer not null,
    os integer not null,
    unique (device, browser, os)
);

-- Clustered by space and time: the latest 50 and any month are one short range.
create table visit (
    space integer not null,
    at integer not null,      -- milliseconds since 1970
    n integer not null,       -- breaks ties of (space, at); 0 costs no byte
    visitor integer not null, -- a number if named, less than 0 for the nameless id of one
                              -- space and day, 0 for neither
    path integer not null,
    referrer integer not null,
    country integer not null,
    agent integer not null,
    origin integer not null,  -- 0 came by the door, else the import's number
    primary key (space, at, n)
) without rowid;

-- A table of its own: as an index on visit, SQLite reads every named row of the space
-- (750-990 ms instead of 1).
create table named (
    space integer not null,
    who integer not null,
    at integer not null,
    n integer not null,
    primary key (space, who, at, n)
) without rowid;

create table face (
    space integer not null,
    who integer not null,
    n integer not null,
    first integer not null,
    last integer not null,
    primary key (space, who)
) without rowid;
create index face_who on face (who);

-- day: days since 1970; month: months since 1970. visitors: the sum of daily visitors.
create table by_day (
    space integer not null,
    day integer not null,
    n integer not null,
    named integer not null,
    visitors integer not null,
    primary key (space, day)
) without rowid;

create table by_month (
    space integer not null,
    month integer not null,
    n integer not null,
    named integer not null,
    visitors integer not null,
    primary key (space, month)
) without rowid;

create table day_country (
    country integer not null,
    day integer not null,
    n integer not null,
    primary key (country, day)
) without rowid;

-- bucket: space, dimension and period in one number (tally.bucket), for 3 bytes a row less.
create table top (
    bucket integer not null,
    value integer not null,
    n integer not null,
    primary key (bucket, value)
) without rowid;

-- Who was already counted as a visitor of a day; the last days only.
create table daily (
    day integer not null,
    space integer not null,
    id integer not null,
    primary key (day, space, id)
) without rowid;

-- How far each consumer has read each segment, written in the transaction of what it read.
create table rolled (
    consumer text not null,
    segment text not null,
    upto integer not null,
    at integer not null,
    primary key (consumer, segment)
) without rowid;

-- Visitors who were erased: what the spool still holds of them comes in nameless.
create table gone (who integer primary key);

create table import (
    id integer primary key,
    space integer not null,
    digest text not null,     -- of the file's bytes, so that it is recognised
    format text not null,
    zone text not null,       -- in which its days were counted, for the undo
    house_zone text not null,
    state text not null,      -- running, done, undoing, undone
    line integer not null,    -- the last line that is in the store
    rows integer not null,
    rejected integer not null,
    passed integer not null,  -- lines that are no page view of a person
    first integer,
    last integer,
    at integer not null
);
create unique index import_once on import (space, digest) where state <> 'undone';

-- Daily visitors that an import added, for the undo.
create table import_day (
    import integer not null,
    space integer not null,   -- 0 or the import's own
    day integer not null,
    visitors integer not null,
    primary key (import, space, day)
) without rowid;
