-- A job that is about to be ordered: written down before the request is sent, because no list of jobs can be asked for.
INSERT INTO export_job (source, tenant, part, window_start, window_end, request, request_sha256, state)
VALUES (
    %(source)s, %(tenant)s, %(part)s, %(start)s, %(end)s, %(request)s, %(sha256)s, 'intended'
)
RETURNING export_job_id;
