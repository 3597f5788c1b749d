{#
    Rows (id, kind, key) from rows (id, kind, name). Two names with the same key are one name, written in two ways: a key has no
    case, accents, marks such as ™, punctuation, spaces, the word `the` and year in brackets; `&` is `and`, II and two are 2.
#}
{% macro name_keys(names) %}
    {% set numbers = {
        1: ["i", "one"],
        2: ["ii", "two"],
        3: ["iii", "three"],
        4: ["iv", "four"],
        5: ["v", "five"],
        6: ["vi", "six"],
        7: ["vii", "seven"],
        8: ["viii", "eight"],
        9: ["ix", "nine"],
        10: ["x", "ten"],
        11: ["xi"],
        12: ["xii"],
        13: ["xiii"],
        14: ["xiv"],
        15: ["xv"],
        16: ["xvi"],
    } %}
    {% set spellings, digits = [], namespace(sql="words") %}
    {% for number, words in numbers.items() %}
        {% for each in words %}
            {% do spellings.append(each) %}
            {% set digits.sql = "replace(" ~ digits.sql ~ ", ' " ~ each ~ " ', ' " ~ number ~ " ')" %}
        {% endfor %}
    {% endfor %}
    select
        id,
        kind,
        replace(
            replace(
                -- most names have no number, and twenty replacements take longer than all else
                case
                    when {{ matches("words", " (" ~ spellings | join("|") ~ ") ") }} then {{ digits.sql }} else words
                end,
                ' the ',
                ' '
            ),
            ' ',
            ''
        ) as key
    from (select id, kind, ' ' || {{ name_words("name") }} || ' ' as words from {{ names }}) as in_words
{% endmacro %}


{# The words of a name in lower case and plain letters, with one space between them. #}
{% macro name_words(name) %}
    {% set plain %}
        replace(replace({{ plain_letters("lower(" ~ name ~ ")") }}, '&', ' and '), chr(39), '')
    {% endset %}
    {% set unmarked = replace_all(plain, "[’™®©\\x{0300}-\\x{036F}]|[(](19|20)[0-9][0-9][)]", "") %}
    trim({{ replace_all(unmarked, "[^\\p{L}\\p{N}]+", " ") }})
{% endmacro %}


{# Rows (name, key) from rows (name): the name of a company without its legal form. #}
{% macro company_keys(names) %}
    {% set forms = "(inc|ltd|llc|co|corp|corporation|company|limited|gmbh|ag|sa|sarl|srl|ab|oy|kk|plc)" %}
    select name, replace({{ replace_all("words", " " ~ forms ~ " ", " ") }}, ' ', '') as key
    from (select distinct name, ' ' || {{ name_words("name") }} || ' ' as words from {{ names }}) as in_words
{% endmacro %}


{#
    The stores that both link to and whose addresses name a game by one key: RAWG's id, IGDB's external_game_source, the name in
    evidence, and the address's pattern with the group that has the key.
#}
{% macro stores_of_both() %}
    {{
        return(
            [
                {"rawg": 1, "igdb": 1, "name": "Steam", "pattern": "/app/([1-9][0-9]{0,9})([^0-9]|$)", "group": 1},
                {"rawg": 5, "igdb": 5, "name": "GOG", "pattern": "/game/([^/?#]+)", "group": 1},
                {"rawg": 11, "igdb": 26, "name": "Epic", "pattern": "/(p|product)/([^/?#]+)", "group": 2},
            ]
        )
    }}
{% endmacro %}


{# What names a game in a store of RAWG's id, from the address of its page: the empty text if the address has none. #}
{% macro store_key(store, url) %}
    case
        {{ store }}
        {% for each in stores_of_both() %}
            when {{ each.rawg }} then regexp_extract(lower({{ url }}), '{{ each.pattern }}', {{ each.group }})
        {% endfor %}
    end
{% endmacro %}


{# Rows (rawg_id, igdb_id) of the platforms of both. RAWG has no others: a game for one of those alone has none. #}
{% macro platforms_of_both() %}
    {% set platforms = {
        1: [49],
        3: [39],
        4: [6, 13, 162, 163],
        5: [14],
        6: [3],
        7: [130, 508],
        8: [37, 137],
        9: [20],
        10: [41],
        11: [5],
        13: [159],
        14: [12],
        15: [8],
        16: [9],
        17: [38],
        18: [48, 165],
        19: [46],
        21: [34],
        23: [59],
        24: [24],
        26: [33],
        27: [7],
        34: [63],
        41: [75],
        43: [22],
        46: [61],
        49: [18, 51, 99],
        74: [64],
        77: [35],
        79: [19, 58],
        80: [11],
        83: [4],
        105: [21],
        106: [23],
        107: [32],
        111: [50],
        112: [62],
        117: [30],
        119: [78],
        166: [15, 16],
        167: [29],
        171: [82],
        186: [169],
        187: [167, 390],
    } %}
    {% for rawg, found in platforms.items() %}
        {% for igdb in found %}
            select {{ rawg }} as rawg_id, {{ igdb }} as igdb_id {{ "union all" if not loop.last }}
            {% endfor %} {{ "union all" if not loop.last }}
    {% endfor %}
{% endmacro %}


{# A slug as a name; IGDB adds `--1` and the like to a slug that another game has. #}
{% macro slug_as_name(slug) %} replace({{ replace_all(slug, "--[0-9]+$", "") }}, '-', ' ') {% endmacro %}


{#
    What each fact adds to the points of a pair. Points are powers of two: with one point more, a pair is twice as likely to be
    one game. docs/guides/game-matching.md has the reasons.
#}
{% macro match_points() %}
    {{
        return(
            {
                "same_name": 1,
                "other_name": 0,
                "similar_name": -2,
                "no_name": -5,
                "spelled_alike": 1,
                "common_name": -1,
                "same_store": 6,
                "other_steam_app": -3,
                "day": 5,
                "month": 3,
                "year": 1,
                "next_year": 0,
                "other_year": -6,
                "same_platform": 1,
                "other_platforms": -4,
                "same_company": 3,
                "other_companies": -2,
            }
        )
    }}
{% endmacro %}


{# A page in a store, for evidence. #}
{% macro store_page(store, key) %}
    case {{ store }} {% for each in stores_of_both() %} when {{ each.rawg }} then '{{ each.name }} ' {% endfor %} end
    || {{ key }}
{% endmacro %}


{# The words of a name of each pair, each once. #}
{% macro words_of_pairs(name) %}
    select distinct possible.igdb_game_id, possible.rawg_game_id, words.word
    from possible
    cross join lateral unnest(split({{ name_words("possible." ~ name) }}, ' ')) as words(word)
    where not possible.is_known_name
{% endmacro %}


{# The points of a fact, 0 where nothing is known. #}
{% macro points_of(column, facts) %}
    case {{ column }} {% for fact in facts %} when '{{ fact }}' then {{ match_points()[fact] }} {% endfor %} else 0 end
{% endmacro %}
