{#
    The unit of each day and type of a relation with day, popularity_type and value: the step of which the values are whole
    multiples. IGDB divides each count by the total of its type, so one user (review, player, hour) is one unit.

    The 10 smallest differences between neighbouring values are tried, the largest first. The median of value / count over
    the counts up to 1,000 makes each of them exact. The first that explains 95 % of the distinct values is the unit.
    A type with fewer than 10 distinct values has none.
#}
{% macro popularity_units(relation) %}
    with
        known as (
            select day, popularity_type, value, count(*) over (partition by day, popularity_type) as known_values
            from (select distinct day, popularity_type, value from {{ relation }} where value > 0) as distinct_values
        ),

        differences as (
            select
                day,
                popularity_type,
                value,
                known_values,
                value - coalesce(lag(value) over (partition by day, popularity_type order by value), 0) as step
            from known
        ),

        steps as (
            select
                day, popularity_type, step, row_number() over (partition by day, popularity_type order by step) as place
            from
                (
                    select distinct day, popularity_type, step
                    from differences
                    -- a smaller difference is a rounding error
                    where step > 0.000000001 * value and known_values >= 10
                ) as distinct_steps
        ),

        units as (
            select
                steps.day,
                steps.popularity_type,
                steps.step,
                median(known.value / {{ nearest("known.value / steps.step") }}) as unit
            from steps
            join known on steps.day = known.day and steps.popularity_type = known.popularity_type
            where steps.place <= 10 and {{ nearest("known.value / steps.step") }} between 1 and 1000
            group by steps.day, steps.popularity_type, steps.step
        ),

        tested as (
            select
                units.day,
                units.popularity_type,
                units.step,
                units.unit,
                count({{ whole_units("known.value", "units.unit") }}) / cast(count(*) as double) as explained_share
            from units
            join known on units.day = known.day and units.popularity_type = known.popularity_type
            group by units.day, units.popularity_type, units.step, units.unit
        ),

        explaining as (
            select *, row_number() over (partition by day, popularity_type order by step desc) as place
            from tested
            where explained_share >= 0.95
        )

    select day, popularity_type, unit, explained_share
    from explaining
    where place = 1
{% endmacro %}


{# A value in whole units; null if it is no whole number of them. A value above 0 is one unit at least. #}
{% macro whole_units(value, unit) %}
    case
        when {{ value }} = 0 and {{ unit }} > 0
        then 0
        when
            {{ value }} / {{ unit }} between 0.95 and 1000000000
            and abs({{ value }} / {{ unit }} - {{ nearest(value ~ " / " ~ unit) }}) <= 0.05
        then cast({{ nearest(value ~ " / " ~ unit) }} as bigint)
    end
{% endmacro %}


{% macro nearest(number) %} {{ return("floor(" ~ number ~ " + 0.5)") }} {% endmacro %}
