select * from {{ ref("base_games") }} where name is not null
