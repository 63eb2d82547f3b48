-- Every register of the catalogue.
SELECT series_id
FROM series
WHERE kind = 'register'
ORDER BY series_id;
