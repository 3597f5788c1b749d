"""The lake: immutable parts of rows in an object store, and manifests that commit them.

    location.py   the one reader of GAMELAKE_URI
    reach.py      how boto3 reaches the store on S3, for what is not boto3; querying.py hands that to DuckDB
    store.py      one small interface to objects, on S3 (s3.py) or in a local folder (disk.py)
    factory.py    open_store(uri) chooses between them
    https.py      its reading half, through a CDN
    keys.py       where everything lies
    manifest.py   the document of a commit; id_ranges.py and claims.py: which of its parts count
    table.py      the commit: one numbered object, created only if absent
    documents.py  decodes and validates documents
    parts.py      writes rows as parts
    rows.py       the ids that are live in a table
    lifecycle.py  the rules by which S3 removes outdated objects

Nothing here knows Airflow, a source or dbt. The layout is a contract with its readers.
"""
