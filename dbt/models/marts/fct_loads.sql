select * from {{ ref("stg_commits") }}
