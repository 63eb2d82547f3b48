"""Servitly: connected machines of many makers, exported as archives that the provider takes minutes to prepare.

Belongs here: how this provider is asked, and what its answers mean. Never here: another provider, Dagster, SQL.

Documented structure:
    `POST identity/users/login?apiKey=…` (`email`, `password`) or `POST identity/users/patLogin` (`apiKey`, `pat`)
    answers a `token` and its `tokenExpirationTimestamp`. `POST data/dataExports`, with the header `X-Servitly-Tenant`,
    answers 201 with an `id` and the state `PENDING`; `GET data/dataExports/{id}` is asked until `COMPLETED` or `ERROR`,
    and then holds the `url` of a zip archive with a CSV for each thing. One export at a time may be scheduled;
    archives are kept for 30 days. Errors are `{"message": …}`.

Actual structure:
    No document shows a CSV. The provider's own import takes `TIMESTAMP,<metric>,…` with epoch milliseconds, commas,
    texts in double quotes and booleans as words; the export is read the same way, with `;` or tabs too. With
    `includeUnit` a header reads `Weight [kg]`. Values are stored when they change: a row that is not there means that
    nothing has changed, and nothing is filled. What `url` is (signed, absolute, relative) is said nowhere.

Quirks, and what is done about each:
    There is no list of exports, and ordering twice does harm: each job is in the ledger before and after every step,
        and its order is carried by a process that outlives the run.
    A second export while one is pending is refused, with an undocumented status: 409 and 429 (as long as it asks for),
        and a 400 whose message speaks of an export that is under way, are waited out; a source has its tenant's one
        place over all processes.
    A job may fail, vanish, or become an archive that is damaged or gone: it is ordered once more.
    `ABORTED` (an older document) is `ERROR`, `COMPLETE` (its prose) is `COMPLETED`; a word nobody knows is waited for
        until the deadline, and then named.
    `url` may expire, or point at nothing for a while: the job is asked again for a fresh one.
    Another host than the API's is asked without credentials, and only if it is on the source's list.
    `---` and empty cells mean that nothing was said. `true` and `false` are texts. A number is read in every spelling
        of it; its decimal sign is judged over the whole file, and what could be two numbers is rejected by name.
    An archive that is encrypted, or packed by a method other than deflate, is refused for good and not ordered again.
    A row without a usable time belongs to the day of the row before it.
    Columns differ from file to file; two metrics of one name differ by their units, which are part of their keys.
    Two things that the file name's mask does not tell apart would be one file name twice: the archive is refused.
    Both bounds of an export are taken for included: what lies at the end of a window is left to the next one.
    A token cannot be renewed before it has expired: a new login takes its place.
"""
