{% set platform = {"platform": {"id": "bigint"}} %} {% set store = {"store": {"id": "bigint"}} %}
{% set counts = ["ratings_count", "reviews_text_count", "added", "playtime", "suggestions_count"] %}
{% for title in rawg_votes().values() %} {% do counts.append(title ~ "_count") %} {% endfor %}
{% for status in rawg_statuses() %} {% do counts.append("added_" ~ status) %} {% endfor %}

with
    lists as (
        select
            *,
            {{ json_list("ratings", {"id": "bigint", "count": "bigint"}) }} as votes,
            {{ list_of(json_list("platforms", platform), "each.platform.id") }} as platform_ids,
            {{ list_of(json_list("genres", {"id": "bigint"}), "each.id") }} as genre_ids,
            {{ list_of(json_list("stores", store), "each.store.id") }} as store_ids
        from {{ source("rawg", "games") }}
    ),

    game_rows as (
        select
            *,
            {% for vote, title in rawg_votes().items() %}
                case
                    when votes is not null
                    then coalesce({{ list_first(list_of(list_where("votes", "each.id = " ~ vote), "each.count")) }}, 0)
                end as {{ title }}_count,
            {% endfor %}
            {% for status in rawg_statuses() %}
                {{ json_count("added_by_status", status) }} as added_{{ status }},
            {% endfor %}
            {{ text(json_member("esrb_rating", "name")) }} as esrb_name
        from lists
    )

select
    id,
    {{ text("name") }} as name,
    {{ text("slug") }} as slug,
    {{ written_date("released") }} as released,
    tba,
    {{ text("background_image") }} as background_image,
    {{ stars("rating") }} as rating,
    {% for count in counts if count != "playtime" %} {{ count_of(count) }} as {{ count }}, {% endfor %}
    {{ rating("metacritic") }} as metacritic,
    nullif({{ count_of("playtime") }}, 0) as playtime,
    esrb_name as esrb_rating,
    {{ sorted_set("platform_ids") }} as platforms,
    {{ sorted_set("genre_ids") }} as genres,
    {{ sorted_set("store_ids") }} as stores,
    {{ utc("updated_at") }} as updated_at,
    {{
        out_of_range(
            times=["updated_at"], ratings=["metacritic"], stars=["rating"], counts=counts, dates=["released"]
        )
    }} as out_of_range_values,
    {{
        unreadable(
            lists={
                "ratings": list_of("votes", "each.count"),
                "platforms": "platform_ids",
                "genres": "genre_ids",
                "stores": "store_ids",
            },
            objects={"added_by_status": rawg_statuses(), "esrb_rating": []},
        )
    }} as unreadable_values,
    _ordinal,
    _partition
from game_rows
