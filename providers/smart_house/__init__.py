"""Smart House (CrowdSorcerer): what Home Assistant said in homes that share their data, by upload.

Belongs here: how this provider is asked, and what its answers mean. Never here: another provider, Dagster, SQL.

Documented structure:
    `GET /{format}` (`xml`, `json` or `csv`, in any case) with `date_from`, `date_to` (both included, `yyyy-mm-dd`,
    UTC), `types` and `units` (arrays) answers a zip archive with one file of that format. 400 says that a date or the
    format is wrong, 204 that nothing is left. There is no authentication.

Actual structure:
    The file has a row for each upload of each home: `id`, `year`, `month`, `day`, and a column for each entity of Home
    Assistant. A cell is a list of state changes (`entity_id`, `last_changed`, `last_updated`, `state`, `attributes`):
    in JSON a list, in CSV and XML Python's text of one, in early files `Row(…)` objects or positional lists. `state` is
    always a text, `attributes` the text of a Java map (`{unit_of_measurement=°C, friendly_name=Temp}`).

Quirks, and what is done about each:
    The days asked for are days of upload, not of measurement. A day D is asked for as the uploads of D to D + 2; a
        change that lies outside of the three days before the end of its upload's day is rejected by name.
    `date_to` is clamped to yesterday without a word, so nothing later is asked for.
    `id` is a counter of one process: it holds within one file, and never beyond. Who a home is, `homes` says.
    Rows may come twice, and lists overlap: what is said twice counts once.
    Times are whole, or mangled (`….548748.01:00` for `+01:00`), or `{{REDACTED}}`. The last ones cannot be known: their
        values are kept as one text per day, in their order, in a series of their own, labelled `undated`.
    Mangling befell units, too (`_` for `%`, `W_m²` for `W/m²`): those that only one unit can have become are restored.
    Units stand inside the map's text, and change: each unit is a series.
    `units` keeps rows by the first change of a column alone, and rows bring all columns: it is applied again here.
    More than 50 columns are answered by 500, wide windows by 502 or silence: it is divided by days, then by types.
        There is no list of types: a division of all of them says that it is of the known ones only.
    204 has no body, and is a success.
    Numbers are texts, with decimal commas and units perhaps, and `unavailable` stands in their place: unit, class and
        history of an entity say whether it says numbers (`kinds`), and no number ever becomes a state.
    Homes may delete all that they sent, and nothing says so: `attendance` says what proves it.
    A later version of the server (2022-06-04) answers `dataset?formats=…` and `formats` in place of `{format}`. Neither
        is documented, and nothing here needs to be told which formats there are: they are not asked. Of a server that
        speaks the later version, the first 404 says so; its archives, with a second file in them, are read as they are.
    The public server is down since 2022-06-25, on purpose; a source that points there says `retired: true`.
"""
