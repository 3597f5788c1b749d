with
    newest as (
        select id, _partition, max(_ordinal) as _ordinal from {{ ref("base_rawg__games_rows") }} group by id, _partition
    )

select
    game_rows.id as rawg_game_id,
    cast(left(game_rows._partition, 10) as date) as day,
    game_rows.rating,
    game_rows.ratings_count,
    {% for title in rawg_votes().values() %} game_rows.{{ title }}_count, {% endfor %}
    game_rows.reviews_text_count,
    game_rows.added,
    {% for status in rawg_statuses() %} game_rows.added_{{ status }}, {% endfor %}
    game_rows.metacritic,
    game_rows.playtime,
    game_rows.suggestions_count,
    game_rows.updated_at,
    {{ attribution("coalesce(" ~ rawg_game_url("game_rows.slug") ~ ", 'https://rawg.io')") }}
from {{ ref("base_rawg__games_rows") }} as game_rows
join
    newest
    on game_rows.id = newest.id
    and game_rows._partition = newest._partition
    and game_rows._ordinal = newest._ordinal
