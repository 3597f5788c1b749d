{#
    The vars of dbt_project.yml, with their allowed values. `as_of` names the day to build; the others decide what is
    ranked, and by what score.
#}
{% macro known_vars() %}
    {{
        return(
            {
                "as_of": "a Korean day as YYYY-MM-DD",
                "main_game_types": "a list of one id or more, such as [0, 8, 9]",
                "mart_game_types": "main or all",
                "unreleasable_game_statuses": "a list of one id or more, such as [6, 7]",
                "rating_prior_votes": "a number from 0 to 1000000",
                "minimum_evidence": "a number from 0 to 1",
                "growth_tolerance_days": "a whole number from 0 to 365",
                "growth_minimum_count": "a whole number from 1 to 1000000",
                "top_rated_minimum_ratings": "a whole number from 1 to 1000000",
                "hidden_minimum_reviews": "a whole number from 1 to 1000000000",
                "hidden_minimum_share": "a number from 0 to 1",
                "hidden_maximum_reach": "a number from 0 to 100",
                "controversial_maximum_share": "a number from 0 to 1",
                "controversial_minimum_percentile": "a number from 0 to 100",
            }
        )
    }}
{% endmacro %}


{# The value of a var, as models read it. A wrong value is named here, before the SQL fails. #}
{% macro setting(name) %}
    {% set found = var(name) %} {% set expected = known_vars()[name] %}
    {% if expected.startswith("a list") %}
        {% set is_list = found is sequence and found is not string and found is not mapping %}
        {% set valid = is_list and found | length > 0 and found | reject("integer") | list | length == 0 %}
        {% elif " number from " in expected %}
        {% set low, high = expected.split(" from ")[1].split(" to ") %}
        {% set is_number = found is integer or (found is float and "whole" not in expected) %}
        {% set valid = is_number and low | int <= found and found <= high | int %}
    {% else %} {% set valid = found in expected.split(" or ") %}
    {% endif %}
    {% if not valid %}
        {% do exceptions.raise_compiler_error(
            "var " ~ name ~ ": found " ~ tojson(found, found) ~ ", expected " ~ expected
        ) %}
    {% endif %}
    {{ return(found) }}
{% endmacro %}


{# At the start of every run: dbt ignores a misspelt var, and a model that is not built reads none. #}
{% macro check_vars() %}
    {% for name in invocation_args_dict.get("vars") or {} if name not in known_vars() %}
        {% do exceptions.raise_compiler_error(
            "var " ~ name ~ ": no such var; expected one of " ~ known_vars().keys() | join(", ")
        ) %}
    {% endfor %}
    {% do vars_of_marts() %}
{% endmacro %}


{#
    The vars that a mart is built with, as JSON for its file's metadata: every var but `as_of`, each of which decides what
    is ranked or by what score.
#}
{% macro vars_of_marts() %}
    {% set vars = {} %}
    {% for name in known_vars() if name != "as_of" %} {% do vars.update({name: setting(name)}) %} {% endfor %}
    {{ return(tojson(vars, sort_keys=true)) }}
{% endmacro %}
