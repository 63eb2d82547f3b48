"""Who is told: troubles and the morning's digest become messages, sent by the daemon's sensor or by `joulehouse watch`.

What troubles there are is `assets.troubles`; who was told of what is in the table `notification`.
"""
