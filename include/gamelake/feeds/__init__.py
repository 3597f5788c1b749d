"""The change feed: for each commit of a table the rows that were created, updated or deleted since the commit before.

documents   the step of a feed as the lake keeps it, and where everything of a feed lies
rows        the rows that differ between two commits
envelope    a changed row as a line of JSON, in Debezium's form
feed        makes the steps that a table lacks, and reads them
check       applies the steps to a table, and compares the result with a later version
wording     changes in words
audit       what is wrong with a feed
"""
