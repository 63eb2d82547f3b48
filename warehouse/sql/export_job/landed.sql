-- What answers this question has served.
UPDATE export_job SET state = 'landed'
WHERE tenant = %(tenant)s AND request_sha256 = %(sha256)s AND state = 'completed';
