with
    games as ({{ rankable_games() }}),

    themes as (select names.theme from games cross join lateral unnest(games.theme_names) as names(theme)),

    counts as (select theme, count(*) as count from themes group by theme),

    ranked as (select theme, count, cast(row_number() over (order by count desc, theme) as bigint) as rank from counts)

    {{ top_n_with_previous_rank("ranked", "mart_theme_trends", 50, key="theme") }}
