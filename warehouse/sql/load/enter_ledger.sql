-- One row of the ledger: the last statement of a load, or the first after one that failed.
INSERT INTO load (
    load_id, status, reason, sentence, source, window_start, window_end, pull_id, payload_sha256s,
    n_series, n_received, n_inserted, n_changed, n_unchanged, n_rejected, n_duplicate, n_removed, n_points,
    proof, code_version, seconds, is_correction, unmapped, rejected_by_reason, withdrawn
)
VALUES (
    %(load_id)s, %(status)s, %(reason)s, %(sentence)s, %(source)s, %(start)s, %(end)s, %(pull_id)s, %(sha256s)s,
    %(n_series)s, %(n_received)s, %(n_inserted)s, %(n_changed)s, %(n_unchanged)s, %(n_rejected)s, %(n_duplicate)s,
    %(n_removed)s, %(n_points)s,
    %(proof)s, %(code_version)s, %(seconds)s, %(is_correction)s, %(unmapped)s, %(rejected_by_reason)s,
    %(withdrawn)s
);
