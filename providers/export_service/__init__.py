"""The Export Service of the Superb Data Kraken (e:fs TechHub): schemaless documents of OpenSearch indices, by time.

Belongs here: how this provider is asked, and what its answers mean. Never here: another provider, Dagster, SQL.

Documented structure:
    `GET products?organization=…` answers a JSON list of names. `GET query` with `organization`, `product`, `startDate`,
    `endDate`, `numRows` and `continueToken`, answers `{"continueToken": "", "numResults": 2, "result": [{"P_kW": 120.0,
    "timestamp": 1748817901101}, …]}`: at most 10,000 documents, and a token if there are more. The credentials are
    OAuth2 client credentials, proved in the form or in a header (`client_secret_basic`), as an administrator has set.

Actual structure:
    A product is an OpenSearch index (`<organization>_<space>_analysis_<name>`). Its documents have no schema: a field
    may be missing, null, an integer here and a float there, a text, nested, or new since yesterday. `timestamp` is the
    epoch in milliseconds, jittering; a text with an offset is read, too. There is no identifier: a document is its own
    key. The unit of a number is, at best, the end of its name (`_kW`).

Quirks, and what is done about each:
    Dates are sent without a zone and mean UTC.
    The end of a window is probably included: documents at the end are left to the next window.
    Order is not promised: nothing here depends on it for completeness without having seen it.
    Tokens may be of a scroll (expires), of `search_after` (loses documents that share the millisecond at which a page
        ends) or of an offset (ends silently at 10,000 documents): `paging` is made for all three.
    A rejected token begins the product anew; a full page without a token is doubted (`paging.Paginator`).
    A listing may end early, with a correct mark of the end, where a shard fails: what may lie behind each end is asked
        for, which costs one request for a listing in order of time, two otherwise (`paging`).
    A producer that runs twice writes every document twice: equal documents count once, as duplicates.
    Many devices may share one millisecond: an account names the fields that tell them apart.
    Documents arrive late: the trailing days are asked for again.
"""
