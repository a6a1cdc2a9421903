{# What each row says of its columns: `known` are never null; the numbers of `within` lie between
   `min` and `max`, both included, and are not NaN; the texts of `one_of` are on its list. Null is
   no number and no text. One test for all columns of a table: a test costs more than its query.
   One row per row that breaks a rule, with the first that it breaks. #}
{% test column_rules(model, known=[], within={}, one_of={}) %}
    {% set rules = {} %}
    {% for column in known %}
        {% do rules.update({column ~ " is null": column ~ " is null"}) %}
    {% endfor %}
    {% for column, limits in within.items() %}
        {% set nan = "isnan(cast(" ~ column ~ " as double))" %}
        {% do rules.update({column ~ " is not a number": nan}) %}
        {% if "min" in limits %}
            {% set below = column ~ " < " ~ limits["min"] %}
            {% do rules.update({column ~ " is below " ~ limits["min"]: below}) %}
        {% endif %}
        {% if "max" in limits %}
            {% set above = column ~ " > " ~ limits["max"] %}
            {% do rules.update({column ~ " is above " ~ limits["max"]: above}) %}
        {% endif %}
    {% endfor %}
    {% for column, values in one_of.items() %}
        {% set listed = "'" ~ values | join("', '") ~ "'" %}
        {% set other = column ~ " not in (" ~ listed ~ ")" %}
        {% do rules.update({column ~ " is not on its list": other}) %}
    {% endfor %}
    select *
    from
        (
            select
                case
                    {% for problem, broken in rules.items() %}
                        when {{ broken }} then '{{ problem }}'
                    {% endfor %}
                end as problem,
                tested.*
            from {{ model }} as tested
        ) as judged
    where problem is not null
{% endtest %}
