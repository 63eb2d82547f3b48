"""Which series are complete on which UTC day, judged from facts alone: arithmetic on arrays, no database, no clock.

`expected` says how many points a day is to have by the resolution of a series, `shown` by what it has had before, and
`day_verdict` judges. Arrays have a row for each series and a column for each day.
"""
