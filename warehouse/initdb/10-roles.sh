#!/bin/sh
# First start of the container's server: two roles, two databases, no superuser at work afterwards.
# `joulehouse` owns the warehouse; `dagster` owns Dagster's own database and cannot see the warehouse.
set -eu
psql --no-psqlrc --quiet -v ON_ERROR_STOP=1 -U "${POSTGRES_USER:-postgres}" -d "$POSTGRES_DB" <<'SQL'
\getenv warehouse_password WAREHOUSE_PASSWORD
\getenv dagster_password DAGSTER_PG_PASSWORD
CREATE ROLE joulehouse_loader NOLOGIN;
CREATE ROLE joulehouse_reader NOLOGIN;
CREATE ROLE joulehouse LOGIN PASSWORD :'warehouse_password';
CREATE ROLE dagster LOGIN PASSWORD :'dagster_password';
GRANT joulehouse_loader, joulehouse_reader TO joulehouse WITH ADMIN OPTION;
CREATE DATABASE dagster OWNER dagster;
REVOKE CONNECT ON DATABASE dagster FROM PUBLIC;
REVOKE CONNECT ON DATABASE joulehouse FROM PUBLIC;
ALTER DATABASE joulehouse OWNER TO joulehouse;
ALTER SCHEMA public OWNER TO joulehouse;
CREATE EXTENSION IF NOT EXISTS timescaledb;
SQL
