"""VoltStorage: home batteries, their inverters and the house behind them, second by second.

Belongs here: how this provider is asked, and what its answers mean. Never here: another provider, Dagster, SQL.

Documented structure:
    `POST login/password` (`email`, `password`, `validity`) answers `{"token": …}`; every refusal, wrong credentials
    too, is 400. `GET products` answers a JSON list, paged by `count` and `page`. `GET data/export.csv` and
    `data/export.json` (`productId` or `componentId`, `from`, `to`, `fields`, `tz`, `precision`, `tolerance`,
    `separator`) answer what was measured. Documented without their paths: the latest values, statistics by hour, day,
    month, year or lifetime, and a websocket that says every new value. Their paths here (`data/latest`,
    `data/statistics`, `data/stream`) are our choice, and an account may name others.

Actual structure:
    A CSV begins with `sep=,`, then a header whose first column is `Time`; lines end CRLF. Columns differ from system to
    system. Times are irregular, about a second apart, with milliseconds. Power is in watts: grid positive when drawn,
    battery (`inverterPower`, and once more as `Power_Power Electronics`) negative while charging; the state of charge
    is a fraction. The live stream and the latest values say the same under other names (`pvPower` for `Power_PV`), with
    a `time` in whole seconds. The shape of the JSON export is not documented: records and columns are both read.

Quirks, and what is done about each:
    An empty cell means that nothing was said: the point is absent. It is never zero, and never filled.
    `sep=` is a hint: it is held against the header and every row; rows that use another separator are repaired where
        the number of cells proves it, and refused otherwise.
    Numbers may have a decimal comma, groups of thousands or blanks around: what can only be one number is read, the
        rest is rejected; one decimal comma in an export makes a doubt of every `1.234` in it.
    Rows may be empty but for their time; columns may be new: unknown numbers are counted as unmapped.
    The export has no footer: an answer that does not end with a line end was cut, and is refused.
    `from` or `to` in the future is an error of the provider's: both are clamped to now.
    `to` is included: what lies exactly at the end of a window is left to the next one.
    `precision` counts significant digits; the default of six would round large numbers, so more are asked for.
    The list of products says no total: its end is believed once the page behind a short one has nothing new. That costs
        one request for each list; no order of products is promised from which less could be concluded.
    Statistics have no documented unit. Watt-seconds is inferred, and said in the label `unit`.
    Values of a running hour or day are restated: the trailing days are asked for again. Of a month or a year nothing is
        asked before it is over; the day on which it began is asked for again then.
    A lifetime is said as of now. A pull of a day that is over does not ask for it: at the day's end it would be a
        reading of later, and the pull of the next night, which asks for the day again, could not repeat it.
    A token may be valid for a year; it is renewed after a 401, and never put into an address.
"""
