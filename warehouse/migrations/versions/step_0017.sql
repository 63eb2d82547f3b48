-- What step 0017 runs. Frozen: a change of the schema is a new step.

-- name: calendar_end
-- AT TIME ZONE looks for a name among the abbreviations first, and CET is one: UTC+1, all year. IANA's CET has summer time: it
-- is a link to Europe/Brussels, which is no abbreviation. These are all such links of the locked tzdata; UTC and GMT are
-- the same either way.
-- Needs: the function of step 0011. Safe on a live database: yes; the function is replaced, and the view asks it.
CREATE FUNCTION zone_in_full(zone text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
SELECT CASE zone
    WHEN 'CET' THEN 'Europe/Brussels'
    WHEN 'MET' THEN 'Europe/Brussels'
    WHEN 'EET' THEN 'Europe/Athens'
    WHEN 'WET' THEN 'Europe/Lisbon'
    WHEN 'EST' THEN 'America/Panama'
    WHEN 'MST' THEN 'America/Phoenix'
    WHEN 'HST' THEN 'Pacific/Honolulu'
    ELSE zone
END
$$;
COMMENT ON FUNCTION zone_in_full IS 'A name for AT TIME ZONE that is no abbreviation: Europe/Brussels for CET, which has summer time.';

CREATE OR REPLACE FUNCTION calendar_end(began timestamptz, span interval, zone text) RETURNS timestamptz
LANGUAGE plpgsql STABLE STRICT AS $$
DECLARE
    place text := public.zone_in_full(zone);
BEGIN
    RETURN ((began AT TIME ZONE place) + span) AT TIME ZONE place;
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN NULL;
END
$$;
