"""The lake: immutable parts of rows in an object store, and manifests that commit them.

    location.py   the one reader of GAMELAKE_URI
    reach.py      how boto3 reaches the store on S3, for what is not boto3; querying.py hands that to DuckDB
    store.py      one small interface to objects, on S3 (s3.py) or in a local folder (disk.py)
    factory.py    open_store(uri) chooses between them
    https.py      its reading half, through a CDN
    keys.py       where everything lies
    files.py      what a manifest says of one part, and which parts still count after a commit
    commit.py     what a commit says, as a document
    manifest.py   the commit: one numbered object, created only if absent
    parts.py      writes rows as parts
    rows.py       the ids that are live in a table
    lifecycle.py  the rules by which S3 removes what no longer counts

Nothing here knows of Airflow, IGDB or dbt. The layout is a contract with its readers.
"""
