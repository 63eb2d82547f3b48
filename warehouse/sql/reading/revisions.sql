-- What the values of a source inside a window were before, in the order in which they were revised.
SELECT
    series.key AS series,
    revision.measured_at,
    revision.value,
    revision.text_value,
    revision.change,
    revision.load_id,
    revision.revised_at
FROM measurement_revision AS revision
INNER JOIN series USING (series_id)
WHERE series.source = %(source)s AND revision.measured_at >= %(start)s AND revision.measured_at < %(end)s
ORDER BY revision.revision_id;
