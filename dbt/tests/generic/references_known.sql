{#
    Ids exist in the model that they refer to. One load of a night may miss what another already mentions, and IGDB deletes
    rows that others still name: dangling references are a warning with their number. One reference and max_share of all
    are let through, and so is any number of references to one row, or to 1 % of the rows: a load may reject or lose so
    few (limits.py), and one bad row must not stop a night. More means that something is broken, such as a table that came
    empty: the test fails.

    per: the column of what has lists of references, such as games. Those with a dangling reference are counted then, so
    that one long list counts once.
#}
{% test references_known(model, column_name, to, field, max_share, per=none) %}
    {{ config(error_if="> 1 + " ~ max_share ~ " * max(all_references) and max(unknown_ids) > max(few_ids)") }}
    {{ config(warn_if="> 0") }}
    {% set counted = per or column_name %} {% set distinct = "distinct" if per else "" %}

    with
        dangling as (
            select child.{{ column_name }} as unknown_id, child.{{ counted }} as counted
            from (select * from {{ model }}) as child
            anti join {{ to }} as parent on child.{{ column_name }} = parent.{{ field }}
            where child.{{ column_name }} is not null
        )
    select {{ distinct }} dangling.counted, total.all_references, ids.unknown_ids, few.few_ids
    from dangling
    cross join
        (
            select count({{ distinct }} {{ counted }}) as all_references
            from {{ model }}
            where {{ column_name }} is not null
        ) as total
    cross join (select count(distinct unknown_id) as unknown_ids from dangling) as ids
    cross join (select least(count(*), greatest(1, 0.01 * count(*))) as few_ids from {{ to }}) as few
{% endtest %}
