select * from {{ ref("base_igdb__games") }} where name is not null
