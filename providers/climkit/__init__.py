"""Climkit (Climkit SA, CH): meters and sensors of apartment houses, validated and raw, by site.

Belongs here: how this provider is asked, and what its answers mean. Never here: another provider, Dagster, SQL.

Documented structure:
    `POST auth` with a name and a password answers a token for 15 minutes. `GET all_installations`,
    `installation_infos/<site>`, `meter_info/<site>` and `<site>/sensors_list` list what there is. `POST
    site_data/<site>/<type>`, `meter_data/<site>/<meter>` and `meter_data_raw/<site>/<meter>` with `t_s`, `t_e` (without
    a zone, in UTC) and `sampling_frequency` (15T, H, D, M, Y) answer JSON lists of rows, as does `GET
    <site>/sensor_data/<sensor>`. One request a second is allowed.

Actual structure:
    Timestamps are texts with a blank and the site's own offset (`2026-03-22 05:30:00+01:00`). Values are kWh for each
    interval (so say the clients that work), of water presumably m³ (inferred). Answers hold more keys than documented:
    `storage_…`, and in the site's data `total_`, `self_` and `ext_` of every meter. Meters that produce have only
    `total`. Sites are listed as texts or as objects; `prim_ad` is a text or a number.

Quirks, and what is done about each:
    15T labels are the ends of intervals, all others the starts: here every interval is labelled by its start.
    Whether `t_e` is included is unknown: a second more is asked for, and what lies outside is left to the next window.
    Autumn has two quarters that differ by offset alone, spring four fewer: offsets are read, never guessed. A timestamp
        that says no offset makes its answer unreadable.
    Differences of counters carry float dust: values are rounded to a millionth of a kWh, so dust corrects nothing.
    Nights are slightly negative (an inverter's own draw): they stay, and the view `interval_energy` flags them.
    Validated data come late and are restated by rules: the trailing days are asked for again, and once a month 90 days.
    A day, month or year that is not over is left out; the provider would give its beginning. It stands at its start:
        the day on which that lies is asked for again once it is over, and as long as its last day is.
    A sensor's epoch is in seconds or milliseconds: its size decides, and an answer that holds both is refused.
    `t_s` may be limited for an account, in silence: what is not there is absent, never zero.
    Raw data may be a load curve instead of a counter's readings, and nothing says which: `load_curves` of an account
        says it. What the catalogue knows as a register is one; what is new, and falls as no counter does, is counted as
        unmapped, by name.
    Raw registers begin anew, roll over, are exchanged and jitter: they are stored as read; `register_energy`
        makes intervals of them and says what happened.
"""
