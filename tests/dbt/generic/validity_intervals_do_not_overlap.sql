{# Rows that share these columns are true of the world one after another: [valid_from, valid_to). #}
{% test validity_intervals_do_not_overlap(model, columns) %}
    select *
    from
        (
            select
                {{ columns | join(", ") }},
                valid_from,
                valid_to,
                max(valid_to) over (
                    partition by {{ columns | join(", ") }}
                    order by valid_from, valid_to
                    rows between unbounded preceding and 1 preceding
                ) as valid_until_before
            from {{ model }}
        ) as intervals
    where valid_from >= valid_to or valid_from < valid_until_before
{% endtest %}
