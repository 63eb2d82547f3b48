-- pg_roles, pg_extension: what a server's owner may have set in our way. Run by warehouse/rights.py.

-- name: missing_rights
-- What our role lacks, and the role that loads, where the schema is there and it may be taken on: the role, the right, and on what.
WITH who AS (
    SELECT
        oid,
        rolname
    FROM pg_roles
    WHERE
        rolname = current_user
        OR (
            rolname = 'joulehouse_loader'
            AND pg_has_role(oid, 'MEMBER')
            AND EXISTS (
                SELECT
                FROM pg_class
                WHERE
                    relname = 'load'
                    AND relnamespace = 'public'::regnamespace
                    AND has_table_privilege(pg_roles.oid, pg_class.oid, 'INSERT')
            )
        )
)

SELECT
    who.rolname,
    needed.privilege,
    needed.kind
FROM who
CROSS JOIN (VALUES ('USAGE', 'SCHEMA', 1), ('CREATE', 'SCHEMA', 2), ('TEMPORARY', 'DATABASE', 3))
    AS needed (privilege, kind, place)
WHERE
    CASE needed.privilege
        WHEN 'TEMPORARY' THEN NOT has_database_privilege(who.oid, current_database(), 'TEMPORARY')
        WHEN 'CREATE'
            THEN %(steps)s AND who.rolname = current_user AND NOT has_schema_privilege(who.oid, 'public', 'CREATE')
        ELSE NOT has_schema_privilege(who.oid, 'public', 'USAGE')
    END
ORDER BY needed.place, who.rolname;

-- name: extension_schema
-- Where TimescaleDB's functions are, if it is there.
SELECT nspname
FROM pg_extension
INNER JOIN pg_namespace ON pg_namespace.oid = pg_extension.extnamespace
WHERE extname = 'timescaledb';
