-- What stands in summary_daily where a window is loaded for the first time: nothing, unless points were deleted by hand.
DELETE FROM summary_daily
WHERE series_id = ANY({series_ids}::integer []) AND bucket_at >= {start} AND bucket_at < {end};
