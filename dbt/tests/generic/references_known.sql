{#
    Ids exist in the model that they refer to. One load of a night may miss what another already mentions, and IGDB deletes
    rows that others still name: dangling references are a warning with their number. One reference and max_share of all
    are let through. More means that something is broken, such as a table that came empty: the test fails.

    per: the column of what has lists of references, such as games. Those with a dangling reference are counted then, so
    that one long list counts once.
#}
{% test references_known(model, column_name, to, field, max_share, per=none) %}
    {{ config(error_if="> 1 + " ~ max_share ~ " * max(all_references)") }}
    {{ config(warn_if="> 0") }}
    {% set counted = per or column_name %} {% set distinct = "distinct" if per else "" %}

    select {{ distinct }} child.{{ counted }}, total.all_references
    from (select * from {{ model }}) as child
    cross join
        (
            select count({{ distinct }} {{ counted }}) as all_references
            from {{ model }}
            where {{ column_name }} is not null
        ) as total
    anti join {{ to }} as parent on child.{{ column_name }} = parent.{{ field }}
    where child.{{ column_name }} is not null
{% endtest %}
