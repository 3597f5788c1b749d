with
    themes as (select unnest(theme_names) as theme, from ({{ listed_games() }})),

    counts as (select theme, count(*) as "count", from themes group by theme),

    ranked as (select theme, "count", row_number() over (order by "count" desc, theme) as rank, from counts)

    {{ best_of("ranked", "mart_theme_trends", 50, key="theme") }}
